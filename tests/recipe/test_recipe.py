"""Reading a recipe: its shape, the line of every word, and one clear line for each mistake."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmworks.contract.errors import BadRequest
from slmworks.recipe.recipe import Recipe

GOOD = """\
name: reviews
description: Three classes.
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  teacher:
    stage: finetune
    uses: classifier
    from: {model: base, data: [one, two]}
    with: {rate: 1e-4, fp16: no, steps: 0x10, when: 2026-01-01, other: null}
  sweep-me:
    sweep: [{uses: a}, {with: {b: [1, 2]}}]
  approve:
"""


def test_a_recipe_is_read_as_written() -> None:
    recipe = Recipe.parse(GOOD, file="my.yaml")
    assert (recipe.name, recipe.description) == ("reviews", "Three classes.")
    teacher = recipe.steps["teacher"]
    assert (teacher.stage, teacher.uses) == ("finetune", "classifier")
    assert teacher.inputs == {"model": "base", "data": ("one", "two")}
    assert recipe.steps["sweep-me"].sweep == ({"uses": "a"}, {"with": {"b": [1, 2]}})
    assert recipe.steps["approve"].stage is None


def test_scalars_follow_yaml_1_2() -> None:
    options = Recipe.parse(GOOD).steps["teacher"].options
    assert options == {"rate": 0.0001, "fp16": "no", "steps": 16, "when": "2026-01-01", "other": None}


def test_every_word_knows_its_line() -> None:
    recipe = Recipe.parse(GOOD, file="my.yaml")
    assert recipe.at("steps", "teacher", "with", "rate") == "my.yaml:9 steps.teacher.with.rate"
    assert recipe.at("steps", "sweep-me", "sweep", 1, "with", "b").startswith("my.yaml:11 ")
    assert recipe.at("steps", "teacher", "with", "unwritten") == "my.yaml:9 steps.teacher.with.unwritten"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("just words", "a recipe is a mapping"),
        ("name: x", "a recipe needs `steps:`"),
        ("steps: {a: }", "a recipe needs `name:`"),
        ("name: 3\nsteps: {a: }", "r.yaml:1 name: must be letters"),
        ("name: x\nsteps: {}", "there are no steps"),
        ("name: x\nsteps: [a]", "r.yaml:2 steps: must be a mapping"),
        ("name: x\nstepz: {}", "Did you mean 'steps'?"),
        (
            "name: x\nsteps:\n  a: {uzes: b}",
            "r.yaml:3 steps.a.uzes: no such word in a step. Did you mean 'uses'?",
        ),
        ("name: x\nsteps:\n  a b: {}", "a step's name has letters"),
        ("name: x\nsteps:\n  run: {}", "r.yaml:3 steps.run: no step can be called 'run'"),
        ("name: x\nsteps:\n  a: [1]", "steps.a: a step is a mapping"),
        ("name: x\nsteps:\n  a: {uses: 3}", "steps.a.uses: must be a name"),
        ("name: x\nsteps:\n  a: {with: [1]}", "steps.a.with: must be a mapping of options, not a list"),
        ("name: x\nsteps:\n  a: {from: {b: 1}}", "steps.a.from.b: must name a step"),
        ("name: x\nsteps:\n  a: {from: {b: []}}", "steps.a.from.b: must name a step"),
        ("name: x\nsteps:\n  a: {sweep: {}}", "steps.a.sweep: must be a list"),
        ("name: x\nsteps:\n  a: {sweep: [{use: b}]}", "Did you mean 'uses'?"),
        ("name: x\nsteps:\n  a: {}\n  a: {}", "r.yaml:4 steps.a: written twice (first in line 3)"),
        ("name: &n x\nsteps: *n", "no anchors or aliases"),
        ("name: !!python/object:os.system x\nsteps: {}", "not YAML"),
        ("name: [x", "not YAML"),
        ("name: x\n\tsteps: {}", "not YAML"),
        ("[" * 1200, "nested too deeply"),
    ],
)
def test_a_mistake_costs_one_line(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Recipe.parse(text, file="r.yaml")
    message = str(caught.value)
    assert said in message
    assert message.startswith("r.yaml")
    assert "\n" not in message


def test_files_that_cannot_be_read(tmp_path) -> None:
    (tmp_path / "first.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(BadRequest, match=r"not UTF-8 text \(byte 9\)"):
        Recipe.read(tmp_path / "first.yaml")
    with pytest.raises(BadRequest, match="no such recipe. Did you mean 'first.yaml'"):
        Recipe.read(tmp_path / "frist.yaml")
    with pytest.raises(BadRequest, match="is a folder"):
        Recipe.read(tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abn: {}[]-&*!|>\n\t'\"#,?%@0.\x00\ufeff", max_size=60))
def test_any_text_is_a_recipe_or_one_line(text: str) -> None:
    try:
        Recipe.parse(f"name: x\nsteps:\n  {text}", file="r.yaml")
    except BadRequest as error:
        assert "\n" not in str(error)
