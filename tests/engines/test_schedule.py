"""Which tasks may start side by side, and with how many threads."""

from dataclasses import dataclass

import pytest

from slmworks.engines.schedule import Schedule
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.recipe.recipe import Recipe


@dataclass(frozen=True)
class Traits:
    light: bool = False
    exclusive: bool = False
    max_threads: int | None = None


ANY, LIGHT, ALONE, ONE = Traits(), Traits(light=True), Traits(exclusive=True), Traits(max_threads=1)


def schedule(cores: int, **tasks: tuple) -> Schedule:
    """Tasks as name=(traits, needs…)."""
    made = {
        name: PlannedTask(
            id=name, step=name, stage="prune", plugin="p", configured=traits, inputs={"data": needs}
        )
        for name, (traits, *needs) in tasks.items()
    }
    return Schedule(Plan(Recipe("r", {}), made), cores)


@pytest.mark.parametrize(
    ("running", "starts"),
    [
        ({}, [("light", 1), ("one", 1), ("two", 3)]),  # the rest of the cores is for the second
        ({"one": 1}, [("light", 1), ("two", 3)]),
        ({"one": 1, "two": 3}, [("light", 1)]),  # full, except for what needs no core
        ({"light": 1}, [("one", 1), ("two", 3)]),
    ],
)
def test_tasks_share_the_cores(running, starts) -> None:
    tasks = schedule(4, light=(LIGHT,), one=(ONE,), two=(ANY,))
    assert [(task.id, threads) for task, threads in tasks.starts({}, running)] == starts


def test_a_task_waits_for_its_inputs() -> None:
    tasks = schedule(4, a=(ANY,), b=(ANY, "a"))
    assert [task.id for task in tasks.ready({}, {})] == ["a"]
    assert [task.id for task in tasks.ready({}, {"a": 4})] == []
    assert [task.id for task in tasks.ready({"a": "done"}, {})] == ["b"]


def test_the_longest_way_to_go_is_first() -> None:
    tasks = schedule(1, a=(ANY,), long=(ANY,), then=(ANY, "long"))
    assert [task.id for task, _ in tasks.starts({}, {})] == ["long"]


@pytest.mark.parametrize(
    ("running", "starts"),
    [
        ({"alone": 4}, []),  # nothing beside it
        ({"light": 1}, ["other"]),  # it waits until nothing runs
        ({}, ["light", "other"]),
    ],
)
def test_what_measures_runs_alone(running, starts) -> None:
    tasks = schedule(4, alone=(ALONE,), light=(LIGHT,), other=(ONE,))
    assert [task.id for task, _ in tasks.starts({}, running)] == starts


def test_alone_it_has_all_cores_and_nothing_is_started_after_it() -> None:
    tasks = schedule(4, alone=(ALONE,), other=(ANY,))
    assert [(task.id, threads) for task, threads in tasks.starts({}, {})] == [("alone", 4)]
