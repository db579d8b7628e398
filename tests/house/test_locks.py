"""The locks list what is installed, all of it with hashes, and nothing that is not."""

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CI = ROOT / ".ci"
FAMILIES = ("text", "torch", "onnx", "inc", "gguf", "hosted", "serve", "kubernetes", "lm-eval")


def entries(lock: str) -> dict[str, str]:
    """Name -> the whole entry."""
    text = "\n".join(line for line in (CI / lock).read_text().splitlines() if not line.startswith("#"))
    return {entry.partition("==")[0]: entry for entry in re.split(r"\n(?=\S)", text.strip())}


def pinned(constraints: str) -> dict[str, str]:
    lines = [line for line in (CI / constraints).read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@pytest.mark.parametrize(
    "lock",
    [
        "lock.txt",
        "run-lock.txt",
        "cuda-lock.txt",
        "torch-cpu-lock.txt",
        "build-lock.txt",
        "airflow-lock.txt",
        "docs-lock.txt",
        "tools-lock.txt",
    ],
)
def test_every_entry_is_one_version_with_hashes(lock: str) -> None:
    for name, entry in entries(lock).items():
        first, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9-]+==[\w.!+]+( ; .+)?", first), name
        assert hashes, name
        assert all(re.fullmatch(r"\s+--hash=sha256:[0-9a-f]{64}", one) for one in hashes), name


@pytest.mark.parametrize(
    ("constraints", "lock"),
    [("constraints.txt", "lock.txt"), ("airflow-constraints.txt", "airflow-lock.txt")],
)
def test_a_lock_has_the_versions_of_its_constraints(constraints: str, lock: str) -> None:
    locked = {
        name: entry.split("==")[1].split(" ")[0]
        for name, entry in entries(lock).items()
        if " ; " not in entry
    }
    wanted = pinned(constraints)
    assert {name: wanted.get(name) for name in locked} == locked
    everywhere = {**locked, **dict.fromkeys(entries(lock))}
    assert set(wanted) <= set(everywhere)


def test_the_constraints_pin_what_our_distributions_bring_and_nothing_else() -> None:
    """Followed through the metadata of what is installed here."""
    todo = [Requirement("slmworks[run,dev,kubeflow]"), Requirement("setuptools"), Requirement("wheel")]
    todo += [Requirement(f"slmworks-{family}[run]") for family in FAMILIES]
    todo += [Requirement("slmworks-inc[autoround]"), Requirement("slmworks-text[documents]")]
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras} - {extra for one, extra in seen if one == name}:
            seen.add((name, extra))
            if (name, extra) in (("setuptools", ""), ("wheel", "")):
                continue
            for line in distribution(name).requires or []:
                found = Requirement(line)
                if found.marker is None or found.marker.evaluate({"extra": extra}):
                    todo.append(found)
    cuda = set(entries("cuda-lock.txt"))
    used = {name for name, _ in seen if not name.startswith("slmworks")} - cuda
    assert set(pinned("constraints.txt")) == used


def test_a_lock_lists_what_our_distributions_ask_for() -> None:
    locked = set(entries("lock.txt"))
    for file in (
        ROOT / "pyproject.toml",
        *(ROOT / "plugins" / family / "pyproject.toml" for family in FAMILIES),
    ):
        project = tomllib.loads(file.read_text())["project"]
        extras = project["optional-dependencies"].values()
        asked = {canonicalize_name(Requirement(line).name) for lines in extras for line in lines}
        assert {name for name in asked if not name.startswith("slmworks")} <= locked, file


def test_torch_may_come_from_its_own_index() -> None:
    version = pinned("constraints.txt")["torch"]
    builds = [line.split() for line in (CI / "torch-cpu.txt").read_text().splitlines() if line[0] != "#"]
    for digest, file in builds:
        assert file.startswith(f"torch-{version}+cpu-")
        assert f"sha256:{digest}" in entries("torch-cpu-lock.txt")["torch"]
    assert entries("torch-cpu-lock.txt")["torch"].startswith(f"torch=={version}+cpu ")


def test_a_wheelhouse_holds_only_what_a_lock_lists(tmp_path: Path) -> None:
    shutil.copy(CI / "wheelhouse.py", tmp_path)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "some_thing-1.0-py3-none-any.whl").write_bytes(b"wheel")
    good, other = (hashlib.sha256(data).hexdigest() for data in (b"wheel", b"another"))

    def verify(lock: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "lock.txt").write_text(lock)
        for other in ("cuda-lock.txt", "torch-cpu-lock.txt"):
            (tmp_path / other).write_text("")
        command = [sys.executable, tmp_path / "wheelhouse.py", wheels]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    fine = verify(f"some-thing==1.0 \\\n    --hash=sha256:{other} \\\n    --hash=sha256:{good}\n")
    assert (fine.returncode, fine.stdout) == (0, f"some-thing==1.0 --hash=sha256:{good}\n")
    for lock in (
        f"some-thing==1.0 \\\n    --hash=sha256:{other}\n",
        f"another==1.0 \\\n    --hash=sha256:{good}\nsome-thing==1.0 \\\n    --hash=sha256:{other}\n",
    ):
        refused = verify(lock)
        assert refused.returncode == 1
        assert f"some_thing-1.0-py3-none-any.whl: sha256 {good} is in no lock; refused." in refused.stderr
