"""`slmworks use-cases`: what a recipe can begin with. Imported to list commands: nothing heavy here."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.console import Columns, say
from slmworks.numbers import figures

if TYPE_CHECKING:
    from slmworks_text.use_cases.card import Card


@click.command("use-cases", short_help="List use cases that a recipe can begin with.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def use_cases(name: str | None, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """List use cases, or show what NAME (or a card's file) is judged by.

    `slmworks init FOLDER --use-case NAME` writes a recipe from one.
    """
    from slmworks_text.use_cases.card import card, names

    cards = {one: card(one) for one in ([name] if name else names())}
    if as_json:
        import json

        shown = {
            one: found.model_dump(mode="json", exclude={"example"}) | {"rows_needed": found.rows_needed}
            for one, found in cards.items()
        }
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    elif name:
        _show(name, cards[name])
    else:
        table = Columns(
            ("use case", "model task", "judged by", "keeps", "test rows", "question"), wrap=("question",)
        )
        for one, found in cards.items():
            row = (found.model_task, found.measure, f"{found.retention:.0%}", _rows(found), found.title)
            table.add(one, *row)
        table.show()


def _show(name: str, card: "Card") -> None:
    from slmworks_text.start.recipe_text import flow

    for title, text in {
        "question": card.title,
        "people": card.people,
        "model task": card.model_task,
        "judged by": f"{card.measure}, {card.direction} is better",
        "keeps": f"{card.retention:.0%} of the teacher's, surely",
        "test rows": _enough(card),
        "slices": ", ".join(card.slices),
        "gate": flow(card.gate_options)[1:-1],
        "for": card.intended_use,
        "not for": card.limits,
        "begin": f"slmworks init FOLDER --use-case {name} [--train FILE]",
    }.items():
        say(f"{title:<11}{text}")


def _enough(card: "Card") -> str:
    expected = card.expected
    if expected is None:
        return "not counted: the card expects nothing; a gate that is left in doubt says how many it takes"
    return (
        f"{_rows(card)}, to show it with a chance of 80 % if the teacher has {expected.quality:.0%}, "
        f"{expected.kept:.1%} of that is kept, and {expected.changed:.0%} of the rows change sides"
    )


def _rows(card: "Card") -> str:
    if card.expected is None:
        return figures.NOTHING
    return "never enough" if card.rows_needed is None else f"{card.rows_needed:,}"
