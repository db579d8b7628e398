"""`when` in a recipe: the candidate that each task belongs to, and what is refused."""

from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import Plan, plan
from slmworks.recipe.recipe import Recipe

HEAD = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}}
  baseline: {stage: evaluate, uses: toy, from: {model: teacher, data: curate}}
  small: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}, sweep: [{with: {layers: [0]}}, {with: {layers: [1]}}]}
  probe: {stage: evaluate, uses: toy, from: {model: small, baseline: baseline, data: curate}}
  first: {stage: select, uses: toy, from: {reports: [probe, baseline]}}
"""
HEAL = "  heal: {stage: finetune, uses: toy, from: {model: small, data: curate}, when: first}\n"


@pytest.fixture
def lower(tmp_path: Path):
    (tmp_path / "base").mkdir()
    for name in ("train.csv", "test.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).write_text("x")

    def lower(tail: str) -> Plan:
        return plan(Recipe.parse(HEAD + tail, file="r.yaml", folder=tmp_path))

    return lower


def test_a_task_waits_for_the_selection_and_for_its_own_candidate(lower) -> None:
    planned = lower(HEAL)
    assert planned.tasks["heal.layers=1"].inputs["when"] == ("first", "small.layers=1")
    assert planned.tasks["heal.layers=1"].needs == ("small.layers=1", "curate", "first")
    assert "heal.layers=0" in planned.after("probe.layers=1")


def test_the_candidate_may_be_further_up_and_the_nearest_one_counts(lower) -> None:
    planned = lower(
        "  cut: {stage: finetune, uses: toy, from: {model: small, data: curate}}\n"
        "  thin: {stage: finetune, uses: toy, from: {model: cut, data: curate}}\n"
        "  look: {stage: evaluate, uses: toy, from: {model: thin, data: curate}}\n"
        "  second: {stage: select, uses: toy, from: {reports: [probe, look]}}\n"
        "  from_cut: {stage: finetune, uses: toy, from: {model: cut, data: curate}, when: second}\n"
        "  from_thin: {stage: finetune, uses: toy, from: {model: thin, data: curate}, when: second}\n"
    )
    assert planned.tasks["from_cut.layers=0"].inputs["when"] == ("second", "small.layers=0")
    assert planned.tasks["from_thin.layers=0"].inputs["when"] == ("second", "thin.layers=0")


def test_a_selection_behind_another_one_is_of_what_came_from_it(lower) -> None:
    planned = lower(
        HEAL
        + "  again: {stage: evaluate, uses: toy, from: {model: heal, data: curate}}\n"
        + "  second: {stage: select, uses: toy, from: {reports: again}}\n"
        + "  last: {stage: quantize, uses: toy, from: {model: heal, calibration: curate}, when: second}\n"
    )
    assert planned.tasks["last.layers=0"].inputs["when"] == ("second", "heal.layers=0")


def test_a_swept_selection_fans_out(lower) -> None:
    planned = lower(
        "  other: {stage: select, uses: toy, from: {reports: probe}, sweep: [{with: {keep: 1}}, {with: {keep: 2}}]}\n"
        "  heal: {stage: finetune, uses: toy, from: {model: small, data: curate}, when: other}\n"
    )
    ids = [task.id for task in planned if task.step == "heal"]
    assert len(ids) == 4
    assert planned.tasks["heal.layers=0.keep=2"].inputs["when"] == ("other.keep=2", "small.layers=0")


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        (HEAL.replace("when: first", "when: frist"),
         r"r.yaml:10 steps.heal.when: names a step that selects, and there is no step 'frist'. Did you mean 'first'"),
        (HEAL.replace("when: first", "when: probe"),
         r"r.yaml:10 steps.heal.when: names a step that selects, and 'probe' is an evaluate step. Known: first."),
        (HEAL.replace("when: first", "when: [first]"), r"r.yaml:10 steps.heal.when: must be a name"),
        (HEAL.replace("model: small", "model: teacher"),
         r"r.yaml:10 steps.heal.when: nothing that heal is made from is a candidate of 'first' \(small.layers=0, small"),
        ("  gate: {uses: toy, from: {reports: probe}, when: first}\n",
         r"r.yaml:10 steps.gate.when: gate is made from several candidates of 'first' \(small.layers=0, small.layers=1\)"),
        ("  more: {stage: fetch, from: {train: train.csv}, when: first}\n",
         r"r.yaml:10 steps.more.when: nothing that more is made from"),
        ("  probe2: {stage: evaluate, uses: toy, from: {model: small, data: curate}, when: two}\n"
         "  two: {stage: select, uses: toy, from: {reports: probe2}}\n",
         r"the steps go round in a circle: .*two → probe2|probe2 → two"),
        ("  two: {stage: select, uses: toy, from: {reports: teacher}}\n",
         r"r.yaml:10 steps.two.from.reports: takes a Report, but 'teacher' \(finetune\) makes a Model"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(lower, tail: str, problem: str) -> None:
    with pytest.raises(BadRequest, match=problem):
        lower(tail)
