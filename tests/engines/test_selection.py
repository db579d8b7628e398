"""Candidates that a selection stopped: what would follow them ends well, with nothing, on every engine."""

from pathlib import Path

import pytest
from toy_line import Works

from slmworks.contract.errors import BadRequest
from slmworks.execution.missing_inputs import absence
from slmworks.store import open_store

SELECTION = """\
  first: {stage: select, uses: toy, from: {reports: evaluate}}
  again: {stage: quantize, uses: toy-onnx, from: {model: quantize}, when: first}
  measure: {stage: evaluate, uses: toy, from: {model: again, data: curate}}
  alone: {stage: distill, uses: toy, from: {teacher: student, student: again, data: curate}, sweep: [{with: {layers: [1]}}, {with: {layers: [2]}}]}
  mark: {stage: evaluate, uses: toy, from: {model: teacher, data: curate}}
  last: {stage: gate, uses: toy, from: {reports: mark, references: measure}}
"""
GONE = {"again.bits=8", "measure.bits=8", "alone.bits=8.layers=1", "alone.bits=8.layers=2"}
"""The student that it starts from is an optional input: without it something else would come out."""


@pytest.fixture
def selecting(works: Works) -> Works:
    works.recipe += SELECTION
    return works


def absent(states: dict[str, str]) -> set[str]:
    return {task for task, state in states.items() if state == "absent"}


def test_what_follows_a_stopped_candidate_is_left_out(selecting: Works) -> None:
    run = selecting.run()
    assert run.exit_code == 0
    assert absent(selecting.states(run)) == GONE
    assert {run.outcomes[task].error for task in GONE} == {"left out: number 2"}
    assert len(selecting.record(run.id, "last")["inputs"]["references"]) == 1
    assert set(selecting.record(run.id, "again.bits=4")["inputs"]) == {"model"}  # no part of what it is


def test_another_selection_makes_only_what_is_new(selecting: Works) -> None:
    selecting.run()
    selecting.recipe = selecting.recipe.replace("{reports: evaluate}}\n  again", "{reports: evaluate}, with: {keep: 2}}\n  again")  # fmt: skip
    states = selecting.states(selecting.run())
    assert absent(states) == set()
    assert (states["again.bits=4"], states["again.bits=8"]) == ("cached", "done")


def test_where_none_is_there_a_join_is_left_out_too_unless_it_can_do_without(selecting: Works) -> None:
    selecting.recipe = selecting.recipe.replace("[{with: {bits: 4}}, {with: {bits: 8}}]", "[{with: {bits: 8}}, {with: {bits: 4}}]")  # fmt: skip
    selecting.recipe += (
        "  only: {stage: quantize, uses: toy-onnx, from: {model: quantize}, when: first}\n"
        '  champion: {stage: evaluate, uses: toy, from: {model: "models:/toy@champion", data: curate}}\n'
        "  empty: {stage: gate, uses: toy, from: {reports: champion}}\n"
        "  both: {stage: gate, uses: toy, from: {reports: measure, references: champion}}\n"
    )
    states = selecting.states(selecting.run())
    assert absent(states) >= {"again.bits=4", "measure.bits=4", "champion.model", "champion", "empty"}
    assert states["both"] == "done"


def test_a_selection_that_is_left_out_itself_leaves_out_what_waits_for_it(selecting: Works) -> None:
    run = selecting.run()
    made = {task: outcome.manifest for task, outcome in run.outcomes.items()}
    plan = run.plan.tasks
    again = plan["again.bits=4"]
    given = again.given({**made, "first": made["again.bits=8"]})
    nothing = absence(again.configured, given, ())
    assert nothing is not None
    assert (nothing.absent, nothing.left_out) == ("left out: number 2", True)


def test_a_selection_without_a_candidate_is_refused(selecting: Works) -> None:
    run = selecting.run()
    again, first = run.plan.tasks["again.bits=4"], run.outcomes["first"].manifest
    for given in ([first], [first, first], [run.outcomes["quantize.bits=4"].manifest]):
        with pytest.raises(
            BadRequest, match="`when` takes two: a selection, and the candidate that must go on"
        ):
            absence(again.configured, {"when": given}, ())


def test_nothing_is_started_for_what_is_left_out(selecting: Works) -> None:
    run = selecting.run()
    logs = {path.stem for path in Path(selecting.store.root, "runs", run.id).glob("*.log")}
    assert "again.bits=4" in logs
    assert not logs & GONE


def test_a_plan_that_was_run_says_what_is_left_out(selecting: Works) -> None:
    from slmworks.engines.forecast import forecast

    before = {row.task.id: row for row in forecast(selecting.run().plan, open_store(str(selecting.folder / "other")), cores=2)}  # fmt: skip
    assert not any(row.absent for row in before.values())
    rows = {row.task.id: row for row in forecast(selecting.run().plan, selecting.store, cores=2)}
    assert {task for task, row in rows.items() if row.absent} == GONE
    assert rows["last"].cached


def test_kubeflow_comes_to_the_same_end(selecting: Works, tmp_path: Path) -> None:
    pytest.importorskip("kfp")
    from local_kfp import compiled, run_pipeline

    elsewhere = open_store(str(tmp_path / "cluster"))
    ended = run_pipeline(compiled(selecting.write(), elsewhere).first, elsewhere, tmp_path / "root")
    assert ended.succeeded, ended.log
    assert absent(ended.states) == GONE
    assert "· again.bits=8: absent: left out: number 2" in ended.log
    local = {task: digest for task, digest in selecting.digests(selecting.run()).items() if digest}
    assert ended.digests == local
