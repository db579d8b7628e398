"""`slmworks init` and `slmworks data`: a recipe from a file, and a look at data before any training.

Imported to list commands too, so what takes time to import is imported inside.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places

if TYPE_CHECKING:
    from slmworks_text.start.beginning import Beginning, Wishes

F = TypeVar("F", bound=Callable[..., Any])

RECIPE, SCHEMA, IGNORED = "recipe.yaml", "recipe.schema.json", ".gitignore"
_FILE = click.Path(path_type=Path)


def _wishes(command: F) -> F:
    """Options by which a person says what a file is."""
    options = (
        click.option("--text", "texts", multiple=True, metavar="COLUMN",
                     help="Column of the text; several are joined. Default: looked for."),
        click.option("--label", default="", metavar="COLUMN",
                     help="Column of the label. Default: looked for."),
        click.option("--columns", default="", metavar="A,B,…",
                     help="Names of the columns of a file without a header line."),
        click.option("--header/--no-header", default=None, help="Whether the first line names the columns."),
        click.option("--delimiter", default="", metavar="SIGN", help="The sign between values."),
        click.option("--encoding", default="", help="Encoding of the files."),
        click.option("--quotes", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
                     help="Whether quotation marks enclose values, or are text."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Write a recipe for a file of yours.")
@click.argument("folder", type=_FILE)
@click.option("--train", type=_FILE, required=True, metavar="FILE", help="Labelled texts, or conversations.")
@click.option("--validation", type=_FILE, metavar="FILE", help="Default: a tenth of the rows of --train.")
@click.option("--test", type=_FILE, metavar="FILE", help="Default: a fifth of the rows of --train.")
@_wishes
@click.option("--name", default="", help="Name of the recipe and of the model. Default: the folder's.")
@click.option(
    "--teacher",
    default="",
    metavar="MODEL",
    help="Encoder to begin with, a folder or a source, such as hf://OWNER/NAME@REVISION for other languages.",
)
@with_places()
def init(
    folder: Path,
    train: Path,
    validation: Path | None,
    test: Path | None,
    name: str,
    teacher: str,
    places: Places,
    **said: Any,
) -> None:
    """Look at a file and write FOLDER/recipe.yaml for it, which runs as it is.

    csv, tsv, jsonl, json or Parquet. Delimiter, encoding, header line, columns and labels are looked for;
    what can't be told is asked for. Labelled texts become a classifier, conversations a generator. Nothing is
    ever written over.
    """
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks_text.start.beginning import CHAT, begin
    from slmworks_text.start.curated import card_of, curated
    from slmworks_text.start.recipe_text import Facts, recipe_text
    from slmworks_text.start.shown import seen, show
    from slmworks_text.start.teacher import Teacher, beside, source_of
    from slmworks_text.start.tokens import fitting

    refuse_written(folder)
    called = name_of(name, folder)
    files = {"train": train, "validation": validation, "test": test}
    given = {one: path for one, path in files.items() if path}
    source = source_of(teacher, folder)
    beginning = begin(given, wishes_of(said))
    chat = beginning.uses == CHAT
    _tell(beginning)
    with curated(beginning.uses, beginning.files, beginning.options) as data:
        card = card_of(data)
        facts = Facts(
            name=called,
            inputs={one: beside(folder, path) for one, path in given.items()},
            curation=beginning.options,
            chat=chat,
            model=source,
            **{split: card["splits"][split]["rows"] for split in ("train", "test")},
        )
        found = Teacher.of(facts, folder, places)
        look = seen(data, card, found.measure)
    max_length = fitting(look.lengths["train"], found.measure.unit, found.positions)
    facts = replace(
        facts, max_length=max_length, measured=found.measure.unit == "tokens", layers=found.layers
    )
    text = recipe_text(facts)
    plan(Recipe.parse(text, file=str(folder / RECIPE), folder=folder))
    show(look, None if chat else max_length)
    write(folder, text)
    say(f"next   slmworks run {folder / RECIPE}{places.again()}")


@click.command(short_help="Show what a recipe's or a file's data is, before any training.")
@click.argument("what", metavar="RECIPE|FILE", type=_FILE)
@_wishes
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_places()
def data(what: Path, as_json: bool, places: Places, **said: Any) -> int:  # noqa: FBT001 - a flag
    """Show rows, labels, balance, lengths in tokens, examples, and what curation leaves out and why.

    Of a RECIPE its curate steps are run, which a run then need not do again. A FILE is looked at like
    `slmworks init` does, and nothing is kept.
    """
    if what.suffix.lower() in (".yaml", ".yml"):
        from slmworks.contract.errors import BadRequest
        from slmworks_text.start.of_recipe import show_recipe

        if given := [name for name, value in said.items() if value not in ((), "", None, "auto")]:
            names = ", ".join(f"--{name.removesuffix('s') if name == 'texts' else name}" for name in given)
            raise BadRequest(f"{names}: of a file; a recipe says so in its curate step.")
        return show_recipe(what, places, as_json=as_json)
    from slmworks_text.start.beginning import begin
    from slmworks_text.start.curated import card_of, curated
    from slmworks_text.start.shown import seen, show
    from slmworks_text.start.tokens import measure_of

    beginning = begin({"train": what}, wishes_of(said))
    with curated(beginning.uses, beginning.files, beginning.options) as made:
        look = seen(made, card_of(made), measure_of(None))
    if as_json:
        click.echo(json.dumps({"options": beginning.options, **look.as_json()}, indent=1, ensure_ascii=False))
        return 0
    _tell(beginning)
    show(look)
    return 0


def wishes_of(said: "dict[str, Any]") -> "Wishes":
    """The options of a command line; BadRequest for an encoding or a delimiter that is none."""
    from pydantic import TypeAdapter, ValidationError

    from slmworks.contract.errors import BadRequest
    from slmworks_text.encodings import Encoding
    from slmworks_text.layout import Delimiter
    from slmworks_text.start.beginning import Wishes

    columns = [name.strip() for name in said.pop("columns").split(",") if name.strip()]
    sign = {"\\t": "\t", "tab": "\t"}.get(said["delimiter"], said["delimiter"])
    found = {**said, "delimiter": sign}
    for option, kind in (("encoding", Encoding), ("delimiter", Delimiter)):
        try:
            if found[option]:
                TypeAdapter(kind).validate_python(found[option])
        except ValidationError as error:
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise BadRequest(f"--{option} {found[option]}: {problem}.") from None
    return Wishes(**found, columns=columns)


def refuse_written(folder: Path) -> None:
    """BadRequest for a folder that has a recipe of this name: nothing is written over."""
    from slmworks.contract.errors import BadRequest

    for name in (RECIPE, SCHEMA):
        if (folder / name).exists():
            raise BadRequest(
                f"{folder / name} is there already, and nothing is written over; name another folder."
            )
    if folder.exists() and not folder.is_dir():
        raise BadRequest(f"{folder}: is a file; name a folder.")


def name_of(name: str, folder: Path) -> str:
    """The recipe's name; BadRequest for one that isn't allowed."""
    from slmworks.contract.errors import BadRequest
    from slmworks.recipe.recipe import NAME

    found = name or re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-")
    if not NAME.fullmatch(found):
        raise BadRequest(
            f"--name {found or folder}: must be letters, digits, - and _, beginning with a letter."
        )
    return found


def write(folder: Path, text: str) -> None:
    """Write recipe, schema and .gitignore; a .gitignore that is there stays as it is."""
    from slmworks.recipe.schema import recipe_schema

    folder.mkdir(parents=True, exist_ok=True)
    schema = json.dumps(recipe_schema(), indent=1, ensure_ascii=False, sort_keys=True)
    for name, content in ((RECIPE, text), (SCHEMA, f"{schema}\n")):
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(content)
    if not (folder / IGNORED).exists():
        (folder / IGNORED).write_text(".slmworks/\n", encoding="utf-8")
    say(f"wrote  {folder / RECIPE}, its schema for editors, {IGNORED}")


def _tell(beginning: "Beginning") -> None:
    for line in beginning.said:
        say(line)
