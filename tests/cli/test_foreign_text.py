"""Every command that prints what others wrote prints it as they wrote it, and none of it acts."""

import ast
import io
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from rich.console import Console

from foreign import active, reasons, squeezed, texts, without_space
from slmworks.cli import console as printing
from slmworks.cli.main import cli
from slmworks.contract.errors import SlmworksError, exit_of
from slmworks.contract.manifest import Manifest
from slmworks.engines.lines import Lines, ended_line
from slmworks.execution.outcome import Outcome
from slmworks.execution.records import task_record
from slmworks.packet import table
from slmworks.registry.log import Registry
from slmworks.store import open_store
from stories import Story

CLI = Path(printing.__file__).parent
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example fills a store."""


def said(*words: str) -> str:
    """What a command prints, or the line of its error."""
    with mock.patch.object(printing, "PAGE", 5000):  # no cell is folded
        ended = CliRunner().invoke(cli, words, standalone_mode=False)
    if isinstance(ended.exception, SlmworksError):
        return exit_of(ended.exception)[0]
    if ended.exception is not None:
        raise ended.exception
    return ended.output


def shows(shown: str, text: str) -> None:
    """The whole text is there, and nothing acts."""
    assert active(shown) == set()
    assert squeezed(text) in without_space(shown)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A run that registered a version, once for all examples."""
    folder = tmp_path_factory.mktemp("told")
    store = open_store(str(folder / "store"))
    story = Story(store, folder / "work").tell()
    story.end()
    return store, story


@few
@given(who=reasons, why=reasons)
def test_every_command_that_reads_the_log_shows_who_decided_and_why(told, who, why) -> None:
    store, _ = told
    for key in store.list("registry/reviews/")[1:]:  # undecided again
        (store.root / key).unlink()
    where = ["--store", store.url, "--tracking", "none"]
    shows(said("approve", "reviews", "--because", why, "--user", who, *where), who)
    again = said("approve", "reviews", "1", "--because", "x", *where)
    assert "already approved" in again
    assert "\n" not in again
    shows(again, f"({why})")
    listed = said("models", "reviews", "--store", store.url)
    assert active(listed) == set()
    assert squeezed(why) in without_space(listed)
    lineage = said("lineage", "reviews@1", "--store", store.url)
    shows(lineage.partition("\n")[0], f"by {who} on")
    shows(lineage.partition("\n")[0], f": {why} · model")


def test_a_long_name_pushes_no_reason_out(told) -> None:
    store, _ = told
    for key in store.list("registry/reviews/")[1:]:
        (store.root / key).unlink()
    Registry(store).approve("reviews", 1, who="ada " * 60, how="claimed: command line", why="[sic] good")
    shown = CliRunner().invoke(cli, ["models", "--store", store.url]).output
    assert shown.count("ada") == 60
    assert "[sic] good" in shown


@few
@given(error=texts, user=texts)
def test_runs_show_errors_and_users(told, error, user) -> None:
    store, story = told
    story.record("quality", "evaluate quality", state="failed", error=error)
    story.write_run("failed", user=user)
    shows(said("runs", "--store", store.url), user)
    shows(said("runs", "run-1", "--store", store.url), error)
    record = task_record(store, "run-1", "quality")
    assert record is not None
    shows(ended_line("quality", Outcome("failed", None, record.error), 2.0), error)


@few
@given(note=texts)
def test_lines_of_running_tasks_stay_one_line(note) -> None:
    written: list[str] = []
    lines = Lines("teacher", written.append)
    lines.event({"event": "line", "line": note})
    lines.event({"event": "waiting", "note": note})
    for line in written:
        shows(line, note)
        assert "\n" not in line


@few
@given(sentence=texts, name=texts)
def test_a_verdict_is_drawn_as_it_is_written(sentence, name) -> None:
    row = {"name": name, "chosen": True, "role": "candidate"}
    verdict = {"measures": [{"name": "f1", "title": name}], "rows": [row], "because": sentence or "x"}
    console = Console(file=io.StringIO(), width=2000)  # a console of a stranger, with markup
    console.print(table(verdict))
    shows(console.file.getvalue(), name)
    shows(console.file.getvalue(), f":{sentence or 'x'}")


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A recipe of one step that was run."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "data.csv").write_text("rows")
    recipe = folder / "toy.yaml"
    recipe.write_text("name: toy\nsteps:\n  raw: {stage: fetch, from: {all: data.csv}}\n")
    said("run", str(recipe), "--store", str(folder / "store"), "--tracking", "none")
    return recipe, open_store(str(folder / "store"))


@few
@given(label=reasons)
def test_a_plan_shows_what_a_step_came_to(label, planned) -> None:
    recipe, store = planned
    (key,) = store.list("tasks/")
    made = Manifest.read(store.read(key) or b"", where=key)
    store.write(key, made.model_copy(update={"summary": {"sentence": label}}).dump().encode())
    shows(said("plan", str(recipe), "--store", store.url), f"cached · {label} ·")


def test_what_a_command_line_names_is_shown_and_does_nothing(tmp_path) -> None:
    recipe = tmp_path / "a\x1b[2J[bold]\u202e.yaml"
    recipe.write_text("name: toy\nsteps:\n  raw: {stage: fetch, from: {all: data.csv}}\n")
    (tmp_path / "data.csv").write_text("rows")
    shows(said("check", str(recipe)), f"{recipe}: fine.")
    shows(said("run", str(recipe), "--store", str(tmp_path / "\x1b[31m"), "--tracking", "none"), "\x1b[31m")
    shows(said("check", str(tmp_path / "no\x1b]0;x\x07.yaml")), "no\x1b]0;x\x07.yaml: no such recipe.")


def test_commands_print_by_say_and_nothing_else() -> None:
    documents = {
        "console.py": 1,
        "schema.py": 1,
        "compile.py": 1,
        "ledger.py": 2,
        "compare.py": 2,
    }  # what programs read is printed byte by byte
    for path in CLI.glob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        called = [call for call in calls if ast.unparse(call) in ("click.echo", "click.secho", "print")]
        assert len(called) == documents.get(path.name, 0), path.name
