"""Commands that plugin families bring: listed, called, and one line where they are missing or broken."""

import signal
from importlib.metadata import EntryPoint

import pytest

from slmworks.cli.main import main
from slmworks.contract import catalog


@pytest.fixture
def said(capsys, monkeypatch):
    """Run a command as the shell does, with these family commands; gives its exit code and its output."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(*words, **brought):
        found = {
            name: catalog.Offered(EntryPoint(name, value, "slmworks.command"))
            for name, value in brought.items()
        }
        monkeypatch.setattr(catalog, "commands", lambda: found)
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return ended.value.code, "".join(capsys.readouterr())

    return run


def test_a_familys_command_is_listed_and_called(said):
    brought = {"greet": "slmworks_serve.commands:edge"}
    code, text = said("--help", **brought)
    assert (code, "  greet " in text, "Write an approved model as a folder" in text) == (0, True, True)
    assert said("greet", "--help", **brought)[0] == 0


def test_without_the_family_it_is_one_line(said):
    code, line = said("serve", "reviews")
    assert (code, line.count("\n")) == (2, 1)
    assert "no such command 'serve'." in line
    assert "Plugin families bring commands of their own; `slmworks plugins` lists what is installed." in line


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:greet", "the command 'greet' cannot be imported from unknown: No module named"),
        ("slmworks_serve.commands:nothing", "the command 'greet' cannot be imported from unknown"),
        ("slmworks_serve.commands:Path", "the command 'greet' of unknown is not a click command"),
    ],
)
def test_a_broken_one_spoils_only_itself(said, value, why):
    code, line = said("greet", greet=value)
    assert (code, why in line, line.count("\n")) == (1, True, 1)
    code, text = said("--help", greet=value)
    assert (code, "greet" in text, "broken" in text, "  run " in text) == (0, True, True, True)


def test_the_cores_commands_cannot_be_replaced(said):
    assert "Run a recipe on this machine" in said("--help", run="no_such_module:run")[1]
    assert "RECIPE" in said("run", "--help", run="no_such_module:run")[1]
