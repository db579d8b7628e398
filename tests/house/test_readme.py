"""README.md: its recipe is one, and it names the commands that there are."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from slmworks.cli.main import cli
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FAMILIES = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))


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


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_says_what_it_brings(family: str) -> None:
    said = (ROOT / "plugins" / family / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "plugins" / family / "pyproject.toml").read_text())["project"]
    assert said.startswith(f"# {project['name']}\n")
    for group, offered in project.get("entry-points", {}).items():
        stage = group.removeprefix("slmworks.")
        if (ROOT / "components/slmworks" / stage / "README.md").exists():  # a stage
            assert [
                name for name in offered if f"`{name}`" not in said and f"`{stage}/{name}`" not in said
            ] == []
