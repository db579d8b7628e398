"""Candidates that a selection stopped: what would follow them ends well, with nothing, on every engine."""

SELECTION = """\
  first: {stage: select, uses: toy, from: {reports: evaluate}}
  again: {stage: quantize, uses: toy-onnx, from: {model: quantize}, when: first}
  measure: {stage: evaluate, uses: toy, from: {model: again, data: curate}}
  alone: {stage: finetune, uses: toy, from: {model: again, data: curate}, sweep: [{with: {epochs: 1}}, {with: {epochs: 2}}]}
  last: {stage: gate, uses: toy, from: {reports: measure}}
"""
GONE = {"again.bits=8", "measure.bits=8", "alone.bits=8.epochs=1", "alone.bits=8.epochs=2"}


def test_what_follows_a_stopped_candidate_is_left_out(works) -> None:
    works.recipe += SELECTION
    run = works.run()
    states = works.states(run)
    assert run.exit_code == 0
    assert {task for task, state in states.items() if state == "absent"} == GONE
    assert {run.outcomes[task].error for task in GONE} == {"left out: number 2"}
    assert len(works.record(run.id, "last")["inputs"]["reports"]) == 1
    assert set(works.record(run.id, "again.bits=4")["inputs"]) == {"model"}  # no part of what it is


def test_another_selection_makes_only_what_is_new(works) -> None:
    works.recipe += SELECTION
    works.run()
    works.recipe = works.recipe.replace(
        "uses: toy, from: {reports: evaluate}}\n  again",
        "uses: toy, from: {reports: evaluate}, with: {keep: 2}}\n  again",
    )
    run = works.run()
    states = works.states(run)
    assert states["again.bits=4"] == "cached"
    assert states["again.bits=8"] == "done"
