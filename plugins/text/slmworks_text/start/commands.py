"""`slmworks init` and `slmworks data`: a recipe from a file or a use case; data looked at before training.

Imported to list commands too, so what takes time to import is imported inside.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places

if TYPE_CHECKING:
    from slmworks.contract.artifact import Dataset
    from slmworks_text.start.beginning import Wishes
    from slmworks_text.start.recipe_text import Facts
    from slmworks_text.use_cases.card import Card

F = TypeVar("F", bound=Callable[..., Any])

RECIPE, SCHEMA, IGNORED = "recipe.yaml", "recipe.schema.json", ".gitignore"
EXAMPLES = "data/examples.csv"
"""Where the made rows of a use-case card are written."""
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


@click.command(short_help="Write a recipe for a file of yours, or for a use case.")
@click.argument("folder", type=_FILE)
@click.option(
    "--use-case",
    "use_case",
    default="",
    metavar="NAME",
    help="A card of `slmworks use-cases`, or a file of that form: measure, margin and guards come from it. "
    "Without --train its made examples are written beside the recipe.",
)
@click.option("--train", type=_FILE, metavar="FILE", help="Labelled texts, or conversations.")
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
    use_case: str,
    train: Path | None,
    validation: Path | None,
    test: Path | None,
    name: str,
    teacher: str,
    places: Places,
    **said: Any,
) -> None:
    """Look at a file and write FOLDER/recipe.yaml for it, which runs as it is.

    csv, tsv, jsonl, json or Parquet. Delimiter, encoding, header line, columns and labels are looked for;
    what can't be told is asked for. Labelled texts become a classifier, conversations a generator; a use case
    says itself what it becomes. Nothing is ever written over.
    """
    from slmworks.contract.errors import BadRequest
    from slmworks_text.start.recipe_text import recipe_text
    from slmworks_text.start.teacher import source_of
    from slmworks_text.use_cases.card import card

    refuse_written(folder)
    called = name_of(name, folder)
    purpose = card(use_case) if use_case else None
    if train is None and (purpose is None or validation or test):
        raise BadRequest("slmworks init needs --train FILE, or --use-case NAME for made examples alone.")
    files = {"train": train, "validation": validation, "test": test}
    with _given(folder, {one: path for one, path in files.items() if path}, purpose) as (place, given):
        begun = _looked_at(place, given, wishes_of(said), purpose, (called, teacher), places)
    text = recipe_text(replace(begun, model=source_of(teacher, folder)))
    write(folder, text, "" if train or purpose is None else purpose.example.as_csv())
    say(f"next   slmworks run {folder / RECIPE}{places.again()}")


@contextmanager
def _given(
    folder: Path, files: dict[str, Path], card: "Card | None"
) -> Iterator[tuple[Path, dict[str, Path]]]:
    """The recipe's folder and its files; a card's examples lie in a folder that is gone afterwards."""
    if files or card is None:
        yield folder, files
        return
    with tempfile.TemporaryDirectory(prefix="slmworks-") as made:
        path = Path(made) / EXAMPLES
        path.parent.mkdir()
        path.write_text(card.example.as_csv(), encoding="utf-8")
        yield Path(made), {"train": path}


def _looked_at(
    folder: Path,
    given: dict[str, Path],
    wishes: "Wishes",
    card: "Card | None",
    called: tuple[str, str],
    places: Places,
) -> "Facts":
    """What the recipe's text is made of, checked; says what was seen. `called`: its name, and the teacher."""
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks_text.start.beginning import begin
    from slmworks_text.start.curated import card_of
    from slmworks_text.start.recipe_text import Facts, recipe_text
    from slmworks_text.start.shown import seen, show
    from slmworks_text.start.teacher import Teacher, beside, source_of
    from slmworks_text.start.tokens import fitting

    beginning = begin(given, wishes, card.kind if card else None)
    kind, options = beginning.kind, beginning.options
    if card:
        options = card.curation_of(options)
    for line in beginning.said:
        say(line.replace(f"{folder}/", "") if card else line)  # made rows lie elsewhere until all is well
    with _as_expected(kind.uses, beginning.files, options) as data:
        rows = card_of(data)
        facts = Facts(
            name=called[0],
            inputs={one: beside(folder, path) for one, path in given.items()},
            curation=options,
            kind=kind,
            model=source_of(called[1], folder),
            measure=card.deciding if card else "",
            gate=card.gate_options if card else {},
            terms=card.terms if card else {},
            **{split: rows["splits"][split]["rows"] for split in ("train", "test")},
            labels=len(rows["splits"]["train"].get("labels") or ()),
        )
        found = Teacher.of(facts, folder, places)
        look = seen(data, rows, found.measure)
    max_length = fitting(look.lengths["train"], found.measure.unit, found.positions)
    facts = replace(
        facts, max_length=max_length, measured=found.measure.unit == "tokens", layers=found.layers
    )
    plan(Recipe.parse(recipe_text(facts), file=RECIPE, folder=folder))
    show(look, max_length if kind.has_layers else None)
    if card and card.rows_needed and facts.test < card.rows_needed:
        say(
            f"note   {facts.test:,} test rows; to show that {card.retention:.0%} is kept this use case needs "
            f"about {card.rows_needed:,}. With fewer the gate will mostly say inconclusive."
        )
    return facts


@contextmanager
def _as_expected(uses: str, files: Mapping[str, Path], options: dict[str, Any]) -> "Iterator[Dataset]":
    """The curated files; where they aren't as `expect` says, that is said, for the run will refuse them."""
    from slmworks_text.expectations import FIELD, NotAsExpected
    from slmworks_text.start.curated import curated

    with ExitStack() as stack:
        try:
            data = stack.enter_context(curated(uses, files, options))
        except NotAsExpected as error:
            say(f"note   {error}.\nA run refuses these rows; give others, or change `{FIELD}` in the recipe.")
            free = {name: value for name, value in options.items() if name != FIELD}
            data = stack.enter_context(curated(uses, files, free))
        yield data


@click.command(short_help="Show what a recipe's or a file's data is, before any training.")
@click.argument("what", metavar="RECIPE|FILE|DATA", type=_FILE)
@_wishes
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--card",
    "cards",
    type=_FILE,
    metavar="FOLDER",
    help="Also write the data card: card.html, card.md, and croissant.json for programs.",
)
@click.option(
    "--against",
    type=_FILE,
    metavar="DATA",
    help="Also compare with an earlier data set: labels, lengths, words.",
)
@with_places()
def data(
    what: Path,
    as_json: bool,  # noqa: FBT001 - a flag
    cards: Path | None,
    against: Path | None,
    places: Places,
    **said: Any,
) -> int:
    """Show rows, labels, balance, lengths in tokens, examples, and what curation leaves out and why.

    Of a RECIPE its curate steps are run, which a run then need not do again. A FILE is looked at like
    `slmworks init` does, and nothing is kept. DATA is the digest of a data set in the store (its beginning
    will do), or its folder.
    """
    from slmworks_text.start.data_cards import data_set, is_data_set
    from slmworks_text.start.of_recipe import show_data_sets, show_recipe

    if (recipe := what.suffix.lower() in (".yaml", ".yml")) or is_data_set(what):
        from slmworks.contract.errors import BadRequest

        if given := [name for name, value in said.items() if value not in ((), "", None, "auto")]:
            names = ", ".join(f"--{name.removesuffix('s') if name == 'texts' else name}" for name in given)
            raise BadRequest(f"{names}: of a file; a recipe says so in its curate step.")
        if recipe:
            return show_recipe(what, places, as_json=as_json, cards=cards, against=against)
        found = {"": data_set(what, places)}
        return show_data_sets(found, places, as_json=as_json, cards=cards, against=against)
    from slmworks_text.start.beginning import begin
    from slmworks_text.start.curated import card_of, curated
    from slmworks_text.start.data_cards import drifted
    from slmworks_text.start.data_cards import write as write_cards
    from slmworks_text.start.shown import seen, show
    from slmworks_text.start.tokens import measure_of

    beginning = begin({"train": what}, wishes_of(said))
    with curated(beginning.kind.uses, beginning.files, beginning.options) as made:
        found = card_of(made) | (drifted(made, against, places) if against else {})
        look = seen(made, found, measure_of(None))
        if cards:
            write_cards(cards, made, found, what.name, summary=made.summary)
    if as_json:
        click.echo(json.dumps({"options": beginning.options, **look.as_json()}, indent=1, ensure_ascii=False))
        return 0
    for line in beginning.said:
        say(line)
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

    for name in (RECIPE, SCHEMA, EXAMPLES):
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


def write(folder: Path, text: str, examples: str = "") -> None:
    """Write recipe, schema, .gitignore and made rows; a .gitignore that is there stays as it is."""
    from slmworks.recipe.schema import recipe_schema

    folder.mkdir(parents=True, exist_ok=True)
    schema = json.dumps(recipe_schema(), indent=1, ensure_ascii=False, sort_keys=True)
    for name, content in ((EXAMPLES, examples), (RECIPE, text), (SCHEMA, f"{schema}\n")):
        if not content:
            continue
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(content)
    if not (folder / IGNORED).exists():
        (folder / IGNORED).write_text(".slmworks/\n", encoding="utf-8")
    rows = f", {EXAMPLES} (made up: put rows of your own in their place)" if examples else ""
    say(f"wrote  {folder / RECIPE}, its schema for editors, {IGNORED}{rows}")
