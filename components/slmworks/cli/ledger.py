"""`slmworks ledger`."""

import json
from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places
from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from slmworks.contract.ledger import Cost
    from slmworks.lineage.ledgers import Listed, Used
    from slmworks.store import Store

REMOVE = "remove"


@click.command()
@click.argument("what", required=False, metavar="[ID]")
@click.argument("which", required=False, metavar="")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known, for programs.")
@click.option("--yes", is_flag=True, help="With remove: don't ask.")
@with_places()
def ledger(
    what: str | None,
    which: str | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    yes: bool,  # noqa: FBT001 - a flag of the command line
    places: Places,
) -> None:
    """List what teachers produced and what it cost, or show who used one ledger.

    ID is the start of a ledger's identity. `slmworks ledger remove ID` removes one for good: what it holds
    has to be paid again. Everything else, `slmworks gc` too, leaves ledgers alone.
    """
    store = places.store
    if what == REMOVE:
        _remove(store, which, yes=yes)
    elif which is not None:
        raise BadRequest(f"what is '{which}'? One ledger: slmworks ledger ID, or slmworks ledger remove ID")
    elif what is None:
        _list(store, as_json=as_json)
    else:
        _show(_found(store, what), as_json=as_json)


def _found(store: "Store", start: str) -> "Listed":
    from slmworks.lineage.ledgers import ledger as one_ledger
    from slmworks.lineage.ledgers import whole_identity
    from slmworks.lineage.teacher_name import TeacherNames

    return one_ledger(store, whole_identity(store, start), TeacherNames(store), verify=True)


def _remove(store: "Store", start: str | None, *, yes: bool) -> None:
    from slmworks.lineage.ledgers import remove_ledger
    from slmworks.numbers.figures import count, size

    if start is None:
        raise BadRequest("which one? slmworks ledger remove ID; `slmworks ledger` lists them.")
    found = _found(store, start)
    said = f"ledger {found.short}: {found.kind} of {found.teacher}, {count(found.rows)} rows"
    if not yes:
        say(f"{said}, {_cost(found.cost)}. Whoever needs them again pays again.")
        click.confirm("Remove it for good?", abort=True)
    remove_ledger(store, found.identity)
    say(f"removed {said}, {size(found.size)}")


def _list(store: "Store", *, as_json: bool) -> None:
    from slmworks.cli.console import Columns
    from slmworks.lineage.ledgers import ledgers
    from slmworks.numbers.figures import count, size

    found = list(ledgers(store))
    if as_json:
        click.echo(json.dumps([one.dump() for one in found], indent=1))
        return
    if not found:
        say(f"no ledgers in {store} yet; tasks that ask a teacher begin them.")
        return
    named = ("ledger", "teacher", "of it", "rows", "tokens", "on disk", "seconds", "money", "used by")
    table = Columns(named, wrap=("teacher",))
    for one in found:
        table.add(
            one.short,
            one.teacher,
            one.kind,
            count(one.rows),
            count(one.tokens),
            size(one.size),
            f"{one.cost.seconds:,.1f}",
            _money(one.cost),
            f"{len(one.uses)} task{'s' if len(one.uses) != 1 else ''}",
        )
    table.show()
    for one in found:
        if one.damaged:
            say(f"{one.short} has damaged chunks: slmworks ledger {one.short}")


def _show(one: "Listed", *, as_json: bool) -> None:
    from slmworks.numbers.figures import count, size

    if as_json:
        click.echo(json.dumps(one.dump(), indent=1))
        return
    say(f"ledger {one.identity}")
    say(f"{one.kind} of {one.teacher}, since {one.created[:16].replace('T', ' ')} UTC")
    say(f"{count(one.rows)} rows, {count(one.tokens)} tokens of the teacher, {size(one.size)} on disk")
    say(f"cost: {_cost(one.cost)}")
    say(f"not paid again, because it was there: {count(one.tokens_reused)} tokens")
    for line in one.damaged:
        say(line)
    if one.uses:
        _uses(one.uses)
    else:
        say("no task has used it to its end")


def _uses(uses: "tuple[Used, ...]") -> None:
    from slmworks.cli.console import Columns
    from slmworks.numbers.figures import count

    named = ("run", "task", "plugin", "rows", "tokens", "not paid", "rows added", "what those cost")
    table = Columns(named, wrap=("what those cost",))
    for one in uses:
        numbers = map(count, (one.rows, one.tokens, one.tokens_reused, one.rows_added))
        table.add(one.run, one.task, one.plugin, *numbers, _cost(one.cost))
    table.show()


def _cost(cost: "Cost") -> str:
    """The numbers that aren't 0, in words."""
    from slmworks.numbers.figures import count

    said = [
        (cost.tokens, f"{count(cost.tokens)} tokens"),
        (cost.prompt_tokens, f"{count(cost.prompt_tokens)} read"),
        (cost.seconds, f"{cost.seconds:,.1f} s"),
        (cost.cpu_seconds, f"{cost.cpu_seconds:,.1f} s of all cores"),
        (cost.joules, f"{cost.joules:,.0f} J"),
        (cost.money, f"{_money(cost)} in money"),
    ]
    return ", ".join(words for number, words in said if number) or "nothing"


def _money(cost: "Cost") -> str:
    from slmworks.numbers.figures import money

    return money(cost.money)
