"""README.md: its recipe is one, and it names the commands that there are."""

import re
from pathlib import Path

import click

from slmworks.cli.main import cli
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_recipe_can_be_planned(tmp_path: Path) -> None:
    for name in ("data/train.csv", "data/test.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (recipe,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    planned = plan(Recipe.parse(recipe, folder=tmp_path))
    assert [task.id for task in planned if task.after_approval] == ["approve", "deploy"]


def test_every_command_in_it_exists() -> None:
    named = set(re.findall(r"`slmworks ([a-z]+)", TEXT))
    assert named
    assert named <= set(cli.list_commands(click.Context(cli)))
