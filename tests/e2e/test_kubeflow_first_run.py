"""The first recipe on real weights, from the compiled file: five minutes on two cores."""

from pathlib import Path

import pytest
from local_kfp import compiled, run_pipeline

from slmworks.cli.display import Plain
from slmworks.engines.local import Run
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store

RECIPE = Path(__file__).parent.parent.parent / "pipelines/first-run.yaml"
ENGINE = "images: registry.example/works"


pytestmark = pytest.mark.slow


def local(recipe: Recipe, store: Path) -> Run:
    running = Run(plan(recipe), open_store(str(store)), 2, Plain())
    running.execute()
    return running


def test_the_first_recipe_comes_to_the_same_as_on_this_machine(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "cluster"))
    ended = run_pipeline(compiled(RECIPE, store, ENGINE).first, store, tmp_path / "root")
    assert ended.succeeded, ended.log
    assert ended.record.state == "done", ended.log
    assert ended.record.waiting == ("reviews", 1)

    again = local(Recipe.read(RECIPE), tmp_path / "cluster")  # its store is a cache for this machine
    states = {task: outcome.state for task, outcome in again.outcomes.items()}
    assert {task for task, state in states.items() if state == "done"} <= {"register"} | {
        task
        for task in states
        if task.startswith("speed")  # measured with other threads: another identity
    }
    assert states["teacher"] == states["student"] == states["int8.inc-static"] == "cached"

    text = RECIPE.read_text(encoding="utf-8")  # what is deterministic, made anew in another store
    beginning = Recipe.parse(text[: text.index("  teacher:")], file=str(RECIPE))
    made = local(beginning, tmp_path / "elsewhere").outcomes
    assert {task: made[task].manifest.digest for task in ("raw", "curate")} == {
        task: ended.digests[task] for task in ("raw", "curate")
    }


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tracking of the person who runs the tests."""
    monkeypatch.delenv("SLMWORKS_TRACKING", raising=False)
