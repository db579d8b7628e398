"""Two families whose packages exclude each other's share a recipe through two environments."""

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from slmworks.cli.display import Plain
from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.local import Run
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store

PLUGIN = '''\
"""A step that needs the package `needle` in exactly one version."""
import json
from typing import ClassVar
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.{stage} import {base}
from slmworks.contract.stage import Task


class Sews({base}):
    """Writes which needle it has."""

    depends_on: ClassVar = ("needle",)

    def run(self, *, {ports}, task: Task) -> {kind}:
        """Only in the environment is there a needle."""
        from needle import VERSION

        (task.output / "{file}").write_text(json.dumps(VERSION))
        return {kind}(path=task.output, summary={{"needle": VERSION}})
'''

RECIPE = """\
name: sewing
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: alpha, from: {data: raw}}
  teacher: {stage: finetune, uses: beta, from: {model: ./base, data: curate}}
"""

ENGINE = """\
families:
  slmworks-alpha: {python: alpha/bin/python}
  slmworks-beta: {python: beta/bin/python}
"""

CURATED = "data: Files, seeds: Dataset | None, teacher: Model | None, student: Model | None"


def distribution(folder: Path, name: str, version: str, *, entry: str = "", requires: str = "") -> None:
    """A package as pip leaves it, without pip."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    if entry:
        (info / "entry_points.txt").write_text(entry)


@pytest.fixture
def sewing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe, an engine file, two families in their light form and two environments."""
    light = tmp_path / "light"
    for name, stage, base, ports, kind, file, needle in (
        ("alpha", "curate", "Curate", CURATED, "Dataset", "train.parquet", "1.0"),
        ("beta", "finetune", "Finetune", "model: Model, data: Dataset", "Model", "model.json", "2.0"),
    ):
        package = light / f"slmworks_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        text = PLUGIN.format(stage=stage, base=base, ports=ports, kind=kind, file=file)
        (package / "sews.py").write_text(text)
        entry = f"[slmworks.{stage}]\n{name} = slmworks_{name}.sews:Sews\n"
        distribution(
            light, f"slmworks-{name}", "1.0", entry=entry, requires=f"needle=={needle}; extra == 'run'"
        )
        environment(tmp_path / name, needle)
    monkeypatch.setenv("PYTHONPATH", str(light))
    monkeypatch.syspath_prepend(str(light))
    from slmworks.contract import catalog

    catalog._installed.cache_clear()
    catalog.plugins.cache_clear()
    catalog._offered.cache_clear()
    (tmp_path / "base").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "base" / name).write_text("{}")
    (tmp_path / "train.csv").write_text("rows")
    (tmp_path / "sewing.yaml").write_text(RECIPE)
    (tmp_path / "engine.yaml").write_text(ENGINE)
    yield tmp_path
    catalog._installed.cache_clear()
    catalog.plugins.cache_clear()
    catalog._offered.cache_clear()


def environment(folder: Path, needle: str) -> Path:
    """A virtual environment that has what this one has, and one version of `needle`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    (packages / "needle").mkdir()
    (packages / "needle" / "__init__.py").write_text(f"VERSION = {needle!r}\n")
    distribution(packages, "needle", needle)
    return packages


def run(folder: Path) -> Run:
    store = open_store(str(folder / ".slmworks"))
    engine = EngineFile.read(folder / "engine.yaml")
    running = Run(plan(Recipe.read(folder / "sewing.yaml")), store, 2, Plain(), engine=engine)
    running.execute()
    return running


def states(running: Run) -> dict[str, str]:
    return {task: outcome.state for task, outcome in running.outcomes.items()}


def needles(running: Run) -> dict[str, str]:
    return {
        task: outcome.manifest.summary["needle"]
        for task, outcome in running.outcomes.items()
        if outcome.manifest and "needle" in outcome.manifest.summary
    }


def test_each_family_has_its_own_version_in_one_run(sewing: Path) -> None:
    with pytest.raises(ModuleNotFoundError):
        import needle  # noqa: F401 - this environment has none
    first = run(sewing)
    assert states(first) == dict.fromkeys(("raw", "curate", "teacher.model", "teacher"), "done")
    assert needles(first) == {"curate": "1.0", "teacher": "2.0"}
    again = run(sewing)
    assert set(states(again).values()) == {"cached"}
    assert not again.worked


def test_another_version_in_one_environment_is_another_identity(sewing: Path) -> None:
    run(sewing)
    packages = next((sewing / "beta").glob("lib/python*/site-packages"))
    (packages / "needle" / "__init__.py").write_text(
        "VERSION = '2.1'  # another size, since bytecode is kept by size and second\n"
    )
    (packages / "needle-2.0.dist-info").rename(packages / "needle-2.1.dist-info")
    metadata = packages / "needle-2.1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("2.0", "2.1"))
    again = run(sewing)
    assert states(again)["curate"] == "cached"
    assert states(again)["teacher"] == "done"
    assert needles(again) == {"curate": "1.0", "teacher": "2.1"}


def test_a_missing_environment_is_said_before_anything_starts(sewing: Path) -> None:
    (sewing / "engine.yaml").write_text(ENGINE.replace("beta/bin", "gamma/bin"))
    with pytest.raises(BadRequest) as caught:
        run(sewing)
    assert "families.slmworks-beta.python: no such file; make the environment" in str(caught.value)
    assert "pip install" not in str(caught.value) or "'slmworks-beta[run]'" in str(caught.value)
    assert not (sewing / ".slmworks").exists()


def test_without_its_environment_the_step_fails_in_one_line(sewing: Path) -> None:
    (sewing / "engine.yaml").write_text(ENGINE.splitlines()[0] + "\n" + ENGINE.splitlines()[1] + "\n")
    ended = run(sewing)
    assert states(ended)["teacher"] == "failed"
    assert ended.outcomes["teacher"].error == (
        "teacher: finetune beta needs 'needle', which is not installed: pip install 'slmworks-beta[run]'"
    )


def test_a_task_there_dies_with_its_engine(sewing: Path) -> None:
    plugin = sewing / "light/slmworks_beta/sews.py"
    plugin.write_text(
        plugin.read_text().replace(
            "        from needle", "        import time; time.sleep(60)\n        from needle"
        )
    )
    words = [
        sys.executable,
        "-m",
        "slmworks",
        "run",
        "sewing.yaml",
        "--engine-file",
        "engine.yaml",
        "--tracking",
        "none",
    ]
    with subprocess.Popen(words, cwd=sewing, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        for line in engine.stdout:
            if line.startswith("teacher: starts"):
                break
        engine.kill()
    for _ in range(50):
        if not any(_is_beta(process, sewing) for process in Path("/proc").glob("[0-9]*")):
            return
        time.sleep(0.1)
    pytest.fail("it still runs")


def _is_beta(process: Path, folder: Path) -> bool:
    try:
        return str(folder / "beta/bin/python").encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False
