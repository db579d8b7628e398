"""Workers are an environment's: named by the engine file, told to a task, no part of what it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.contract.workers import WorkerEngine, engine_of
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.told import rest_of
from slmworks.engines.task_pods import unchecked_workers
from slmworks.execution.run import Running
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

RECIPE = """\
name: line
steps:
  raw: {stage: fetch, uses: files, from: {train: "s3://bucket/rows.csv"}}
  curate: {uses: text, from: {data: raw}}
"""


class Here(WorkerEngine):
    """Workers that are this process."""

    most: int = 1
    """Pieces."""

    @contextmanager
    def start(self, name: str, scratch: Path) -> Iterator[Any]:
        class All:
            map = staticmethod(map)

        yield All()


class Entry:
    distribution = "somebody"

    @staticmethod
    def load() -> type:
        return Here


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "curate_engines", lambda: {"here": Entry()})


def test_a_task_without_an_engine_has_no_workers(tmp_path: Path) -> None:
    with Task(output=tmp_path, scratch=tmp_path).workers() as workers:
        assert workers is None


@pytest.mark.usefixtures("here")
def test_only_a_plugin_that_spreads_is_told_of_them() -> None:
    tasks = plan(Recipe.parse(RECIPE), look=False).tasks
    said = EngineFile.parse("store: s3://bucket\ncurate: {engine: here, most: 3}\n")
    assert said.workers(tasks["raw"]) == {}
    assert said.workers(tasks["curate"]) == {"engine": "here", "most": 3}
    assert said.workers(tasks["curate"], here=True) == said.workers(tasks["curate"])
    assert EngineFile().workers(tasks["curate"]) == {}
    spec = tasks["curate"].spec(
        run="", store="s3://bucket", sources={}, workers=said.workers(tasks["curate"])
    )
    assert type(spec).decode(spec.encode()) == spec
    assert isinstance(engine_of(spec.workers), Here)
    assert rest_of(spec, ())["workers"] == spec.workers  # what Kubeflow's component is told


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{engine: her}", "engine.yaml:2 curate.engine: no such engine 'her'. Did you mean 'here'?"),
        ("{engine: here, least: 1}", "engine.yaml:2 curate.least: no such option of here. Known: most."),
        ("{engine: here, most: a}", "engine.yaml:2 curate.most: input should be a valid integer, got 'a'."),
        ("{most: 1}", "engine.yaml:2 curate"),
    ],
)
def test_a_wrong_engine_is_one_line_with_its_place(line: str, said: str) -> None:
    task = plan(Recipe.parse(RECIPE), look=False).tasks["curate"]
    with pytest.raises(BadRequest) as caught:
        EngineFile.parse(f"store: s3://bucket\ncurate: {line}\n", file="engine.yaml").workers(task, here=True)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("here")
def test_whoever_only_makes_a_pipeline_needs_no_engine() -> None:
    """An image or a worker has it; options of an engine that is here are checked all the same."""
    planned = plan(Recipe.parse(RECIPE), look=False)
    away = EngineFile.parse("store: s3://bucket\ncurate: {engine: her, cores: 3}\n", file="engine.yaml")
    assert away.workers(planned.tasks["curate"]) == {"engine": "her", "cores": 3}
    assert list(unchecked_workers(away, planned)) == [
        "engine.yaml:2 curate.engine: 'her' isn't installed here, so its options are checked where curate runs. "
        "Did you mean 'here'?"
    ]
    wrong = EngineFile.parse("store: s3://bucket\ncurate: {engine: here, least: 1}\n")
    with pytest.raises(BadRequest, match=r"curate\.least: no such option of here"):
        wrong.workers(planned.tasks["curate"])
    known = EngineFile.parse("store: s3://bucket\ncurate: {engine: here}\n")
    assert not list(unchecked_workers(known, planned))


def test_a_task_without_its_engine_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "curate_engines", dict)
    task = plan(Recipe.parse(RECIPE), look=False).tasks["curate"]
    spec = task.spec(run="", store=str(tmp_path / "store"), sources={}, workers={"engine": "spark"})
    running = Running.prepare(spec, {}, lambda _event: None)
    window = running._window(tmp_path, None)
    with pytest.raises(BadRequest) as caught, window.workers():
        pass
    assert str(caught.value) == (
        "engine file, curate.engine: no such engine 'spark'. None is installed here; install the plugin with it."
    )


def test_where_no_engine_is_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "curate_engines", dict)
    with pytest.raises(BadRequest, match=r"no such engine 'spark'\. None is installed here"):
        engine_of({"engine": "spark"})
