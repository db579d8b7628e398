"""A recipe of toy steps: the engine's whole life in seconds."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_line import Works, show_toys

from s3 import s3, s3_server, secret  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def toy_for_children(monkeypatch) -> None:
    """The processes that the engine starts find the toy family too."""
    show_toys(monkeypatch)


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path)


Start = Callable[..., subprocess.Popen[str]]
