"""The form that a DAG is triggered with, and what its answers make of a recipe. Needs no Airflow."""

import jsonschema
import pytest

from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.form import OTHERS, fields, filled
from slmworks.recipe.lower import plan
from slmworks.recipe.plan import plan_record
from slmworks.recipe.recipe import Recipe

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {epochs: 3, rate: 0.5}}
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}, with: {layers: [0, 2]}}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
"""


@pytest.fixture
def recipe(tmp_path) -> Recipe:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "train.csv").write_text("rows")
    return Recipe.parse(RECIPE, file="toy.yaml", folder=tmp_path)


def test_there_is_a_field_for_each_option_that_the_recipe_sets(recipe) -> None:
    form = fields(plan(recipe))
    assert list(form) == ["teacher.epochs", "teacher.rate", "student.layers", OTHERS]
    epochs = form["teacher.epochs"]
    assert (epochs["default"], epochs["type"], epochs["exclusiveMinimum"]) == (3, "integer", 0)
    assert (epochs["title"], epochs["description"]) == ("epochs", "How often.")
    assert epochs["section"] == "teacher (finetune toy)"
    assert form["student.layers"]["items"] == {"type": "integer"}


def test_every_field_s_default_fits_its_schema() -> None:
    for name, field in fields(plan(Recipe.read("pipelines/first-run.yaml"))).items():
        schema = {word: said for word, said in field.items() if word not in ("default", "section")}
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(field["default"], schema), name


def test_an_untouched_form_is_the_recipe_itself(recipe) -> None:
    untouched = {name: field["default"] for name, field in fields(plan(recipe)).items()}
    assert filled(plan(recipe), untouched) is recipe
    assert filled(plan(recipe), {}) is recipe


def test_what_was_changed_is_planned_and_stands_in_the_text(recipe) -> None:
    changed = filled(plan(recipe), {"teacher.epochs": 5, OTHERS: {"quantize": {}, "teacher": {"seconds": 1}}})
    options = plan(changed).tasks["teacher"].options
    assert (options["epochs"], options["rate"], options["seconds"]) == (5, 0.5, 1)
    assert changed.text.startswith(recipe.text)
    assert changed.text.endswith("#   teacher.epochs: 5\n#   teacher.seconds: 1\n")
    assert Recipe.parse(changed.text, folder=recipe.folder).name == "toy"


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"techer": {}}, "with.techer: no such step. Did you mean 'teacher'?"),
        ({"teacher": 3}, "with.teacher: must be a mapping of options."),
        ([1], "with: must be options by step"),
    ],
)
def test_a_wrong_field_is_said(recipe, others, problem) -> None:
    with pytest.raises(BadRequest, match="^" + problem.replace("?", r"\?")):
        filled(plan(recipe), {OTHERS: others})


def test_a_wrong_option_is_said_with_its_place_in_the_recipe(recipe) -> None:
    with pytest.raises(
        BadRequest, match=r"toy\.yaml:5 steps\.teacher\.with\.epochs: .*greater than 0, got -1"
    ):
        plan(filled(plan(recipe), {"teacher.epochs": -1}))


def test_a_field_that_there_is_not_is_said_rather_than_ignored(recipe) -> None:
    with pytest.raises(
        BadRequest, match=r"^teacher\.epoch: the form has no such field\. Did you mean 'teacher\.epochs'\?"
    ):
        filled(plan(recipe), {"teacher.epoch": 5})


def test_what_is_registered_and_who_approves_is_the_recipe_s_to_say(recipe) -> None:
    end = """\
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
  register: {from: {verdict: gate}, with: {name: toy}}
  approve: {from: {release: register}, with: {reviewers: [leads]}}
"""
    planned = plan(Recipe.parse(RECIPE + end, folder=recipe.folder))
    assert not [name for name in fields(planned) if name.startswith(("register", "approve"))]
    for params in ({"register.name": "other"}, {OTHERS: {"approve": {"reviewers": []}}}):
        with pytest.raises(
            BadRequest, match="who approves and what follows is the recipe's to say, not a run's"
        ):
            filled(planned, params)


GATED = """\
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}, with: {allow: true}}
"""


def test_what_was_changed_is_kept_with_what_it_was_and_whether_it_is_a_gate_s(recipe) -> None:
    planned = plan(Recipe.parse(RECIPE + GATED, folder=recipe.folder))
    form = {"teacher.epochs": 5, "gate.allow": False, OTHERS: {"student": {"layers": [0, 2]}}}
    changed = filled(planned, form)
    assert plan_record(plan(changed))["edits"] == [
        {"step": "teacher", "option": "epochs", "was": 3, "now": 5, "gate": False},
        {"step": "gate", "option": "allow", "was": True, "now": False, "gate": True},
    ]
    assert "edits" not in plan_record(planned)


def test_an_option_that_the_recipe_leaves_at_its_default_is_kept_with_that(recipe) -> None:
    planned = plan(Recipe.parse(RECIPE + GATED.replace(", with: {allow: true}", ""), folder=recipe.folder))
    (edit,) = filled(planned, {OTHERS: {"gate": {"allow": False}}}).edits
    assert edit == {"step": "gate", "option": "allow", "was": True, "now": False, "gate": True}
