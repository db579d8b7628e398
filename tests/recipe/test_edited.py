"""Options that are changed for one run: validated like the file's, in identities as if they stood there."""

from pathlib import Path

import pytest

from slmworks.cli.edits import with_changes
from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import plan
from slmworks.recipe.plan import plan_record
from slmworks.recipe.recipe import Recipe

TEXT = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {epochs: 2}}
  student:
    stage: distill
    uses: toy
    from: {teacher: teacher, data: curate}
    sweep: [{with: {layers: [0]}}, {with: {layers: [0, 1]}}]
"""


@pytest.fixture
def planned(tmp_path: Path):
    (tmp_path / "base").mkdir()
    for name in ("train.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).write_text("x")
    return plan(Recipe.parse(TEXT, file="r.yaml", folder=tmp_path))


def spec(planned, task):
    return planned.tasks[task].spec(run="", store="file:///s", sources={}).model_dump()


def test_a_changed_option_is_as_if_it_were_written(planned, tmp_path) -> None:
    changed = with_changes(planned, ["teacher.epochs=5", "teacher.seed=3"])
    text = TEXT.replace("with: {epochs: 2}", "with: {epochs: 5}, seed: 3")
    written = plan(Recipe.parse(text, file="r.yaml", folder=tmp_path))
    assert spec(changed, "teacher") == spec(written, "teacher") != spec(planned, "teacher")
    assert plan_record(changed)["edits"] == [
        {"step": "teacher", "option": "epochs", "was": 2, "now": 5, "gate": False},
        {"step": "teacher", "option": "seed", "was": 0, "now": 3, "gate": False},
    ]
    assert changed.recipe.text.endswith(
        "# Changed on the command line of this run:\n#   teacher.epochs: 5\n#   teacher.seed: 3\n"
    )


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("teacher.epochs", "expected STEP.OPTION=VALUE"),
        ("teacher=1", "expected STEP.OPTION=VALUE"),
        ("teachr.epochs=1", "no such step. Did you mean 'teacher'?"),
        ("teacher.epoch=1", "steps.teacher.with.epoch: no such option of toy. Did you mean 'epochs'?"),
        ("teacher.epochs=x", "--set teacher.epochs=x: r.yaml:5 steps.teacher.with.epochs: input should be"),
        ("teacher.epochs=", "no value"),
        ("teacher.epochs=[1", "not YAML"),
        ("teacher.seed=-1", "steps.teacher.seed: must be a whole number"),
        ("student.layers=[1]", "variants of student set layers themselves"),
        ("curate.inputs.a=1", "set the whole option"),
    ],
)
def test_a_wrong_change_is_one_line(planned, word, problem) -> None:
    with pytest.raises(BadRequest) as error:
        with_changes(planned, [word])
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_one_option_cannot_have_two_values(planned) -> None:
    with pytest.raises(BadRequest, match="set twice"):
        with_changes(planned, ["teacher.epochs=1", "teacher.epochs=2"])
