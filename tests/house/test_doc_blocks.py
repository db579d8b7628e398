"""Code in the pages: recipes can be planned, steps and engine files can be read, commands have the options they name."""

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from pages import PAGES, ROOT, Block, blocks, prose
from ruamel.yaml import YAML as RUAMEL

from slmworks.cli.main import cli
from slmworks.contract import catalog
from slmworks.contract.options import configure
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.settings import Settings
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

YAML = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


def read(block: Block) -> dict[str, Any]:
    """A block as YAML; `…` stands for what was left out."""
    found = RUAMEL(typ="safe", pure=True).load(re.sub(r"^ *…$", "", block.text, flags=re.MULTILINE))
    assert isinstance(found, dict), block
    return found


def is_step(value: Any) -> bool:
    return isinstance(value, dict) and "from" in value and not value.keys() - {
        "stage", "uses", "from", "with", "sweep", "seed", "when", "orders", "only", "heal", "probe", "measure", "select", "finish",
    }  # fmt: skip


def steps(block: Block) -> dict[str, dict[str, Any]]:
    """The steps that a block shows, of a whole recipe or not."""
    said = read(block)
    return {name: step for name, step in said.get("steps", said).items() if is_step(step)}


WHOLE = [block for block in YAML if {"name", "steps"} <= read(block).keys()]
PARTS = [block for block in YAML if block not in WHOLE and steps(block)]
SETTINGS = [
    block for block in YAML if not steps(block) and read(block).keys() <= Settings.model_fields.keys()
]


def test_every_block_is_known() -> None:
    """Other YAML is the chart's and Kubernetes', and a use-case card, which has a test of its own."""
    others = {block.page for block in YAML if block not in (*WHOLE, *PARTS, *SETTINGS)}
    assert others == {ROOT / "helm/slmworks/README.md", ROOT / "docs/use-cases.md"}
    assert min(map(len, (WHOLE, PARTS, SETTINGS))) > 1


def lay_out(recipe: dict[str, Any], folder: Path) -> None:
    """Files and models for the sources that are relative paths."""
    given = [step.get("from", {}).values() for step in recipe["steps"].values()]
    for value in itertools.chain(*given):
        for source in [value] if isinstance(value, str) else value:
            if source in recipe["steps"] or ":" in source:
                continue
            path = folder / source.replace("*", "a")
            files = [path] if path.suffix else [path / "config.json", path / "model.safetensors"]
            for file in files:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("x")


@pytest.mark.parametrize("block", WHOLE, ids=str)
def test_a_whole_recipe_can_be_planned(block: Block, tmp_path: Path) -> None:
    recipe = read(block)
    if "write-a-" in block.page.name:  # with the plugin that the tutorial writes
        Recipe.parse(block.text, folder=tmp_path)
        return
    lay_out(recipe, tmp_path)
    assert len(plan(Recipe.parse(block.text, folder=tmp_path)).tasks) >= len(recipe["steps"])


def test_the_tutorial_on_a_generator_shows_the_recipe_that_it_runs() -> None:
    (shown,) = [read(block)["steps"] for block in WHOLE if block.page.name == "first-generator.md"]
    run = RUAMEL(typ="safe", pure=True).load(ROOT / "pipelines/tiny-generator.yaml")["steps"]
    assert run["curate"]["with"].pop("licence")
    assert shown == run


@pytest.mark.parametrize("block", PARTS, ids=str)
def test_a_step_has_the_options_that_it_names(block: Block) -> None:
    for name, step in steps(block).items():
        if "orders" in step:
            continue
        stage = step.get("stage", name)
        for variant in step.get("sweep", [{}]):
            uses = variant.get("uses") or step.get("uses") or default(stage)
            options = {**step.get("with", {}), **variant.get("with", {})}
            configure(catalog.plugin(stage, uses).load(), uses, options)


def default(stage: str) -> str:
    """The plugin of a step that names none."""
    return catalog.stage_class(stage).default or next(iter(catalog.plugins(stage)))


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_an_engine_file_can_be_read(block: Block) -> None:
    EngineFile.parse(block.text)


def said() -> list[tuple[str, str]]:
    """Place and words of every command that a page shows, in a block or in its text."""
    found = []
    for page in PAGES:
        for block in blocks(page):
            if block.language in ("bash", "console", ""):
                lines = block.text.replace("\\\n", " ").splitlines()
                found += [(str(block), line.strip()) for line in lines]
        inline = re.findall(r"(?<!`)`(slmworks [^`]+)`(?!`)", prose(page))
        found += [(page.name, " ".join(words.split())) for words in inline]
    starts = re.compile(r"(?:\$ )?(slmworks [a-z]+(?: |$).*)")
    return [(place, match[1]) for place, line in found if (match := starts.match(line))]


def without_comment(line: str) -> list[str]:
    words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
    return list(itertools.takewhile(lambda word: word not in ("|", ">", "&&", "<"), words))


@pytest.mark.parametrize(("place", "line"), sorted(set(said())))
def test_a_command_has_the_options_that_it_names(place: str, line: str) -> None:
    words = without_comment(line)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="slmworks")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None and command is not cli:
            break
        assert found is not None, f"{place}: no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    parser = command.make_parser(context)
    try:
        parser.parse_args([*words])
    except click.BadOptionUsage as error:
        if error.option_name != words[-1]:
            raise
        parser.parse_args([*words, "…"])  # a value that the text leaves out
