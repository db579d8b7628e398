"""The images in a real Docker Engine, run as a strict cluster runs them: only /tmp and the store can be written."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from containers import DOCKER, FAMILIES, Image, built, call

from slmworks.contract.catalog import plugin
from slmworks.contract.manifest import Manifest
from slmworks.execution.identity import code_digest
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source


@pytest.fixture(scope="session")
def docker() -> Callable[..., str]:
    """Runs a docker command, in a Docker Engine that answers."""
    try:
        asked = subprocess.run([DOCKER, "version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no {DOCKER} here: {error}")
    if asked.returncode:
        pytest.skip(f"no Docker Engine answers: {asked.stderr.strip().splitlines()[-1]}")
    return call


@pytest.fixture(scope="session")
def images(docker: Callable[..., str]) -> Callable[[str], Image]:
    """A family's image."""
    return built


@pytest.fixture(params=FAMILIES)
def image(request: pytest.FixtureRequest, images: Callable[[str], Image]) -> Image:
    """Each image in turn."""
    return images(request.param)


class Line:
    """A store that containers of several images work on, one task after the other."""

    def __init__(self, folder: Path) -> None:
        self.data, self.store, self.manifests = (folder / name for name in ("data", "store", "manifests"))
        for path in (self.data, self.store, self.manifests):
            path.mkdir()
            path.chmod(0o777)  # the images' user is not the one who tests
        self.mounts = (f"--volume={self.data}:{self.data}:ro", f"--volume={self.store}:/store",
                       f"--volume={self.manifests}:/manifests")  # fmt: skip

    def source(self, name: str) -> dict[str, Any]:
        """A file or folder of the data, which the images' user may read."""
        subprocess.run(["chmod", "-R", "a+rX", str(self.data)], check=True)
        return Source.parse(name, folder=self.data).dump()

    def task(self, family: str, step: str, stage: str, uses: str, *given: str, **more: Any) -> Manifest:
        """Run a task in its image, on what the steps `given` (as PORT=STEP) made."""
        spec = self.spec("/store", step, stage, uses, **more)
        words = (word for one in given for word in ("--in", f"{one.replace('=', '=/manifests/')}.json"))
        out = f"/manifests/{step}.json"
        self.run(family, "slmworks", "task", "--spec", spec, *words, "--out", out)
        return Manifest.read((self.manifests / f"{step}.json").read_text(), where=step)

    def run(self, family: str, *words: str) -> str:
        """Run a command in an image, with the store, the manifests and the data."""
        return built(family)(*words, flags=self.mounts)

    def spec(self, store: str, step: str, stage: str, uses: str, **more: Any) -> str:
        """The task's spec. With the tree's code: an image of other code refuses it."""
        code = code_digest(plugin(stage, uses).load())
        return TaskSpec(
            run="docker", id=step, step=step, stage=stage, plugin=uses, code=code, store=store, **more
        ).encode()

    def hand_over(self) -> None:
        """Let the one who tests delete what the containers wrote."""
        if any(self.store.iterdir()):
            self.run("core", "sh", "-c", "chmod -R a+rwX /store/* /manifests/*")


@pytest.fixture(scope="session")
def line(images: Callable[[str], Image], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """An empty store for all images."""
    line = Line(tmp_path_factory.mktemp("line"))
    yield line
    line.hand_over()


class Host:
    """The same tasks by this Python, in a store of their own."""

    def __init__(self, folder: Path, line: Line) -> None:
        self.folder = folder
        self.line = line

    def task(self, step: str, stage: str, uses: str, *given: str, **more: Any) -> Manifest:
        """Run a task; `given` as PORT=PATH of manifests."""
        spec = self.line.spec(str(self.folder / "store"), step, stage, uses, **more)
        words = [word for one in given for word in ("--in", one)]
        out = self.folder / f"{step}.json"
        subprocess.run(
            [sys.executable, "-m", "slmworks", "task", "--spec", spec, *words, "--out", str(out)],
            check=True, timeout=120,
        )  # fmt: skip
        return Manifest.read(out.read_text(), where=step)


@pytest.fixture
def host(line: Line, tmp_path: Path) -> Host:
    """An empty store on this machine."""
    return Host(tmp_path, line)
