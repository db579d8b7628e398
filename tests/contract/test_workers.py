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
        EngineFile.parse(f"store: s3://bucket\ncurate: {line}\n", file="engine.yaml").workers(task)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_where_no_engine_is_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "curate_engines", dict)
    with pytest.raises(BadRequest, match=r"no such engine 'spark'\. None is installed here"):
        engine_of({"engine": "spark"})
