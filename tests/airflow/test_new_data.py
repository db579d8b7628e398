"""Whether data was seen before. Needs no Airflow."""

import pytest

from slmworks.engines.airflow.new_data import seen_before
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store
from stories import Story


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


def told(store, folder, run, data="data,1\n", options=None):
    story = Story(store, folder / run, run=run)
    from slmworks.contract.artifact import Files

    story.task("raw", "fetch files", Files(path=story.text("all/data.csv", data)))
    story.plan[0]["options"] = dict(planned("reviews").tasks["raw"].options) if options is None else options
    return story


def seen(store, run, recipe="reviews"):
    """What is found when a run of the recipe asks. Stories tell of a fetch and nothing else."""
    return seen_before(store, run, planned(recipe), ["raw"])


def planned(recipe):
    step = '  raw: {stage: fetch, from: {all: "hf://a/b@main"}}'
    return plan(Recipe.parse(f"name: {recipe}\nsteps:\n{step}\n"))


def test_the_same_bytes_in_a_run_that_ended_well(store, tmp_path) -> None:
    told(store, tmp_path, "run-1").end()
    told(store, tmp_path, "run-2")
    assert seen(store, "run-2").run == "run-1"


def test_other_bytes_are_new(store, tmp_path) -> None:
    told(store, tmp_path, "run-1").end()
    told(store, tmp_path, "run-2", data="data,2\n")
    assert seen(store, "run-2") is None


def test_a_run_that_goes_on_or_failed_or_is_of_another_recipe_does_not_count(store, tmp_path) -> None:
    told(store, tmp_path, "run-1")
    told(store, tmp_path, "run-2").write_run("failed")
    told(store, tmp_path, "run-3").end()
    told(store, tmp_path, "run-4")
    assert seen(store, "run-4", "others") is None
    assert seen(store, "run-4").run == "run-3"
    assert seen(store, "run-3") is None


def test_other_options_are_something_new(store, tmp_path) -> None:
    told(store, tmp_path, "run-1", options={"epochs": 5}).end()
    told(store, tmp_path, "run-2")
    assert seen(store, "run-2") is None
