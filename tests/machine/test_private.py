"""A private folder is of one user, and nothing of it stays."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from slmworks.machine.private import private_folder

KILLED = """
import os, signal, tempfile
from slmworks.machine.private import private_folder

with private_folder("release") as folder:
    (folder / "model.onnx").write_bytes(b"weights")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"slmworks-{os.getuid()}"


def files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_it_is_of_this_user_alone_and_goes(place: Path) -> None:
    with private_folder("release") as folder:
        assert place in folder.parents
        assert place.stat().st_mode & 0o777 == 0o700
        (folder / "some").write_text("text")
    assert files(place) == []


def test_what_a_killed_process_left_goes_with_the_next_and_what_is_used_stays(place: Path) -> None:
    env = {**os.environ, "TMPDIR": str(place.parent)}
    with private_folder("release") as used:
        (used / "kept").touch()
        subprocess.run([sys.executable, "-c", KILLED], env=env, check=False)
        assert [path.name for path in files(place) if path.suffix == ".onnx"] == ["model.onnx"]
        with private_folder("release"):
            assert [path.name for path in files(place) if path.suffix != ".lock"] == ["kept"]


@pytest.mark.parametrize("found", ["open", "link", "file"])
def test_a_place_that_others_may_have_made_is_refused(place: Path, found: str) -> None:
    if found == "open":
        place.mkdir()
        place.chmod(0o755)
    elif found == "link":
        (place.parent / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(place.parent / "elsewhere")
    else:
        place.touch()
    said = "cannot be made" if found == "file" else "is not a folder of this user alone"
    with pytest.raises(PermissionError, match=said) as told, private_folder("release"):
        pass
    assert told.value.filename == str(place)


def test_no_place_at_all_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with (
        pytest.raises(PermissionError, match="set TMPDIR to a folder that can be written to") as told,
        private_folder("release"),
    ):
        pass
    assert told.value.filename == f"/nowhere/slmworks-{os.getuid()}"
