"""Compiled pipelines through `kfp.local`'s Docker runner: each task in its family's image, with nothing allowed."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from containers import DOCKER, built, call
from local_kfp import Ended, compiled, run_pipeline

from slmworks.cli.display import Plain
from slmworks.engines.local import Run
from slmworks.recipe.lower import plan
from slmworks.recipe.plan import Plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests/toy"
pytestmark = pytest.mark.docker

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: validation.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {fail: FAIL}}
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
"""


@pytest.fixture
def cluster(
    tmp_path: Path, images: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator["Cluster"]:
    """A folder that containers see, with a store in it."""
    cluster = Cluster(tmp_path)
    monkeypatch.setattr("kfp.local.docker_task_handler.run_docker_container", cluster.run_container)
    yield cluster
    cluster.hand_over()


class Cluster:
    """What a cluster does for a pod, by Docker: images, volumes, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_store(str(folder / "store"))
        self.root = folder / "root"
        self.root.mkdir()
        self.seen: list[str] = []
        folder.chmod(0o755)
        for parent in folder.parents[:2]:  # pytest's folders are their owner's alone
            parent.chmod(0o755)

    def pipeline(self, recipe: Path, engine: str) -> Ended:
        """Compile a recipe and run it in containers."""
        from kfp import local

        text = compiled(recipe, self.store, engine).first
        self.open_up()
        return run_pipeline(text, self.store, self.root, local.DockerRunner())

    def open_up(self) -> None:
        """Let the images' user write: what lies there was written by the one who tests."""
        for path in (self.store.root, self.root):
            subprocess.run(["chmod", "-R", "a+rwX", str(path)], check=True)

    def hand_over(self) -> None:
        """Let the one who tests delete what the images' user wrote."""
        mount = f"--volume={self.folder}:{self.folder}"
        built("core")("sh", "-c", f"chmod -R a+rwX {self.folder} 2>/dev/null || true", flags=(mount,))

    def run_container(
        self, client: Any, image: str, command: list[str], volumes: dict[str, Any], **_: Any
    ) -> int:
        """Instead of kfp's: it can take a failed container for a good one (kubeflow/pipelines 13332)."""
        mounts = [f"--volume={path}:{how['bind']}" for path, how in volumes.items()]
        mounts.append(f"--volume={self.store.root}:{self.store.root}")
        flags = (
            "--read-only",
            "--tmpfs=/tmp",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--network=none",
        )
        ended = subprocess.run(
            [DOCKER, "run", "--rm", *flags, *mounts, f"--env=SLMWORKS_IMAGE={image}", image, *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        print(ended.stdout)
        self.seen.append(image)
        return ended.returncode


@pytest.fixture(scope="session")
def stranger(images: Callable[..., Any]) -> str:
    """The image of a family that isn't ours."""
    call("build", "--quiet", "--build-arg", f"CORE={built('core').name}", "--tag", "acme-toy:1.4",
         "--file", str(TOY / "Containerfile"), str(TOY))  # fmt: skip
    return "acme-toy:1.4"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "base" / name).write_text("{}")
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.csv").write_text(f"{split} rows")
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE.replace("FAIL", "false"))
    return path


def engine(*families: str, more: str = "") -> str:
    """An engine file with the images of these families."""
    names = {family: "slmworks" if family == "core" else f"slmworks-{family}" for family in families}
    lines = [f"  {names[family]}: {{image: '{built(family).name}'}}" for family in families]
    return "\n".join(["defaults: {cpu: 2}", "families:", *lines, more])


def digests(running: Run) -> dict[str, str]:
    return {task: outcome.manifest.digest for task, outcome in running.outcomes.items() if outcome.manifest}


def local(planned: Plan, store: Path) -> Run:
    running = Run(planned, open_store(str(store)), 2, Plain())
    running.execute()
    return running


def test_a_stranger_s_family_takes_part_with_an_image_of_its_own(
    cluster: Cluster, stranger: str, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOY), os.environ.get("PYTHONPATH", "")]))
    ended = cluster.pipeline(recipe, engine("core", more=f"  slmworks-toy: {{image: '{stranger}'}}"))
    assert ended.succeeded, ended.log
    assert ended.record.state == "done"
    assert cluster.seen.count(built("core").name) == 3  # two fetches, and the one that closes the run
    assert cluster.seen.count(stranger) == 8
    assert ended.digests == digests(local(plan(Recipe.read(recipe)), recipe.parent / "here"))


def test_a_task_that_fails_in_its_container_fails_the_pipeline(
    cluster: Cluster, stranger: str, recipe: Path
) -> None:
    recipe.write_text(RECIPE.replace("FAIL", "true"))
    ended = cluster.pipeline(recipe, engine("core", more=f"  slmworks-toy: {{image: '{stranger}'}}"))
    assert not ended.succeeded
    assert ended.states["teacher"] == "failed"
    assert "slmworks: teacher: RuntimeError: the optimizer exploded" in ended.log


def test_the_first_recipe_in_our_images(cluster: Cluster, tmp_path: Path) -> None:
    """Minutes. Data and weights are fetched here: containers have no network, and the store is a cache."""
    path = ROOT / "pipelines/first-run.yaml"
    recipe = Recipe.read(path)
    planned = plan(recipe)
    fetched = {name: planned.tasks[name] for name in ("raw", "teacher.model")}
    local(Plan(recipe, fetched), cluster.store.root)
    ended = cluster.pipeline(path, engine("core", "text", "torch", "onnx", "inc", "serve"))
    print(ended.log)
    assert ended.succeeded
    assert ended.record.state == "done"
    assert ended.record.waiting == ("reviews", 1)
    assert set(cluster.seen) == {built(family).name for family in ("core", "text", "torch", "onnx", "inc")}
    made = local(Plan(recipe, {name: planned.tasks[name] for name in ("raw", "curate")}), tmp_path / "here")
    assert {name: digest for name, digest in ended.digests.items() if name in ("raw", "curate")} == digests(
        made
    )
