"""A store with an approved model, and commands as a shell runs them."""

import signal

import pytest

from releases import two_versions
from slmworks.cli.main import main


@pytest.fixture
def store(tmp_path):
    return two_versions(tmp_path)


@pytest.fixture
def to(tmp_path):
    return tmp_path / "release"


@pytest.fixture
def said(capsys, monkeypatch):
    """Run a command as the shell does; gives its exit code and what it said, which is one line at most."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert err.count("\n") <= 1
        return ended.value.code, out + err

    return run


@pytest.fixture
def pull(said, store, to):
    return lambda *words: said("pull", "reviews", *words, "--to", to, "--store", store.root)
