"""What a pretrained model rules out is said before anything is trained from it."""

import shutil
from pathlib import Path

import pytest

from slmworks.cli.display import Plain
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.engines.local import Run
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store

RECIPE = """\
name: tiny
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: text, from: {data: raw}, with: {test: 0.2, validation: 0.15}}
  teacher: {stage: finetune, uses: classifier, from: {model: MODEL, data: curate}}
  middle: {stage: finetune, uses: classifier, from: {model: teacher, data: curate}}
  student: {stage: distill, uses: logit-kd, from: {teacher: middle, data: curate}, with: {layers: LAYERS}}
"""
PROBLEM = r"layers: the teacher has the layers 0 to 3, not 12\."


@pytest.fixture
def folder(tmp_path: Path, tiny_encoder: Model, tiny_reviews: Dataset) -> Path:
    """A folder with data, and the encoder (four layers) as a folder and as an archive."""
    shutil.copytree(tiny_encoder.path, tmp_path / "encoder")
    shutil.make_archive(str(tmp_path / "encoder"), "zip", tmp_path / "encoder")
    rows = [
        f"{text},{label}" for text, label in zip(*tiny_reviews.columns("test", "text", "label"), strict=True)
    ]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]).replace(", ", " ") + "\n")
    return tmp_path


def recipe(folder: Path, model: str, layers: str = "[0, 12]") -> Recipe:
    """The recipe with these words."""
    text = RECIPE.replace("MODEL", model).replace("LAYERS", layers)
    return Recipe.parse(text, file="r.yaml", folder=folder)


def test_a_model_in_a_folder_is_looked_at_when_the_recipe_is_checked(folder: Path) -> None:
    with pytest.raises(BadRequest, match=rf"r\.yaml:7 steps\.student: {PROBLEM}"):
        plan(recipe(folder, "./encoder"))
    assert plan(recipe(folder, "./encoder", "[0, 3]"))
    assert plan(recipe(folder, "./encoder"), look=False), "a scheduler's machine need not have the folder"


def test_one_that_is_fetched_is_looked_at_before_anything_is_trained(folder: Path) -> None:
    run = Run(plan(recipe(folder, "zip://*::encoder.zip")), open_store(str(folder / "s")), 1, Plain())
    assert run.execute() == 2
    states = {task: outcome.state for task, outcome in run.outcomes.items()}
    assert states["student"] == "failed"
    assert states["teacher"] == states["middle"] == "skipped"
    assert run.outcomes["student"].error == PROBLEM.replace("\\", "")
    assert run.outcomes["teacher"].error == "student failed"


def test_a_broken_configuration_is_left_to_whoever_loads_it(folder: Path) -> None:
    (folder / "encoder" / "config.json").write_text("{")
    assert plan(recipe(folder, "./encoder"))
