"""`seed` on every engine, `--set` and `--until`: what is asked for is what is run, and what is recorded."""

from kfp_told import specs
from local_kfp import compiled

from slmworks.engines.airflow.line import Line
from slmworks.execution.records import run_record
from slmworks.execution.spec import TaskSpec


def seeded(works, text: str) -> None:
    """The recipe with a word more in the step `teacher`."""
    line = next(line for line in works.recipe.splitlines() if line.strip().startswith("teacher:"))
    works.recipe = works.recipe.replace(line, f"{line[: line.rindex('}')]}, {text}}}")


def test_another_seed_is_another_result_and_seed_0_is_that_of_before(works) -> None:
    first = works.run()
    before = works.recipe
    seeded(works, "seed: 0")
    assert not works.run().worked
    works.recipe = before
    seeded(works, "seed: 5")
    states = works.states(works.run())
    assert (states["curate"], states["teacher"]) == ("cached", "done")
    works.recipe = before
    again = works.run()
    assert not again.worked
    assert works.digests(again) == works.digests(first)


def test_the_engines_of_others_are_given_the_seed(works, tmp_path) -> None:
    seeded(works, "seed: 5")
    text = compiled(works.write(), works.store).first
    assert {spec.id: spec.seed for spec in specs(text) if spec.seed} == {"teacher": 5}
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "airflow.yaml").write_text("store: ../.slmworks\n")
    _, spec = Line.read(works.write()).words("teacher", "toy.run-1")
    assert TaskSpec.decode(spec).seed == 5


def test_a_run_ends_where_it_is_told_with_what_it_was_told(works) -> None:
    process = works.start("--until", "teacher", "--set", "teacher.epochs=1", "--set", "teacher.seed=2")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "ended with teacher, as asked. All of it:  slmworks run" in said
    (run,) = works.store.children("runs/")
    record = run_record(works.store, run)
    assert record is not None
    assert [task["id"] for task in record.plan] == ["raw", "curate", "teacher.model", "teacher"]
    assert [(edit.step, edit.option, edit.now) for edit in record.edits] == [
        ("teacher", "epochs", 1),
        ("teacher", "seed", 2),
    ]
    assert works.record(run, "teacher")["options"]["epochs"] == 1
    process = works.start("--until", "techer")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "--until techer: no such step. Did you mean 'teacher'?" in said
