"""`slmworks gc`."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slmworks.retention.collect import Amount, Collected
    from slmworks.store import Store

GB = 10**9


@click.command()
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    default=90.0,
    show_default=True,
    help="All that runs of so many days read and made is kept.",
)
@click.option(
    "--keep-runs",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="The same of so many latest runs, however old.",
)
@click.option(
    "--grace-days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="What is laid aside is removed after so many days; less than the longest task is unsafe beside it.",
)
@click.option(
    "--keep-copies",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    metavar="GB",
    help="This machine's copies of a bucket may have so many GB; those go that were used longest ago.",
)
@click.option(
    "--mlflow",
    is_flag=True,
    help="Remove MLflow's files of rejected versions whose release is gone here. They don't come back.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be laid aside and removed; change nothing.")
@click.option("--pin", metavar="WHAT", help="Keep a run, NAME@VERSION or a digest, with all that it needs.")
@click.option("--unpin", metavar="WHAT", help="Keep it no more.")
@with_places(tracking=True)
def gc(
    keep_days: float,
    keep_runs: int,
    grace_days: float,
    keep_copies: float,
    mlflow: bool,  # noqa: FBT001 - a flag of the command line
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    pin: str | None,
    unpin: str | None,
    places: Places,
) -> None:
    """Let go of what no release and no recent run needs: laid aside first, removed after a grace period.

    Kept are the champion, the previous champion and the candidate of every name with their whole way back,
    every registered version that was not rejected, runs that go on, recent runs, and what is pinned. The log,
    and the lineage of every version, are kept for ever. What is asked for again while it is aside comes back.
    """
    from datetime import timedelta

    from slmworks.retention.collect import collect
    from slmworks.retention.roots import Rule

    store = places.store
    if pin or unpin:
        _pins(store, pin, unpin)
        return
    uri = _mlflow(places) if mlflow else ""
    found = collect(
        store,
        Rule(keep_days, keep_runs),
        grace=timedelta(days=grace_days),
        copies=round(keep_copies * GB),
        dry_run=dry_run,
    )
    _show(found, grace_days, dry_run=dry_run)
    if uri:
        _copies(store, uri, found, dry_run=dry_run)
    elif found.gone:
        say(
            f"MLflow may hold copies of what was rejected: {_named(found.gone)}. They are removed with "
            "`slmworks gc --mlflow`."
        )


def _mlflow(places: Places) -> str:
    from slmworks.contract.errors import BadRequest

    uri = places.tracking_uri
    if not uri:
        raise BadRequest("--mlflow: tracking is 'none', so there is no MLflow; give --tracking.")
    return uri


def _copies(store: "Store", uri: str, found: "Collected", *, dry_run: bool) -> None:
    from slmworks.numbers.figures import size
    from slmworks.tracking.copies import remove_copies

    copies = remove_copies(store, uri, [*found.before, *found.gone], dry_run=dry_run)
    stay = [one for one in copies if one.used_by]
    go = [one for one in copies if not one.used_by]
    for one in stay:
        say(f"{one.name} v{one.version} stays in MLflow: {one.used_by} points to its files")
    would = "would be removed" if dry_run else "removed"
    total = size(sum(one.size for one in go))
    named = _named([(one.name, one.version) for one in go])
    say(f"MLflow: {named}, {total} {would}" if go else "MLflow: no copies to let go of")


def _named(versions: "Sequence[tuple[str, int]]") -> str:
    return ", ".join(f"{name} v{number}" for name, number in sorted(versions))


def _pins(store: "Store", pin: str | None, unpin: str | None) -> None:
    from slmworks.retention.roots import PINS, pinned

    if pin:
        what = pinned(store, pin)
        store.create(f"{PINS}{what}", b"")
        say(f"pinned {what}")
    if unpin:
        what = pinned(store, unpin)
        store.remove(f"{PINS}{what}")
        say(f"no longer pinned: {what}")


def _show(found: "Collected", grace_days: float, *, dry_run: bool) -> None:
    from slmworks.cli.console import Columns
    from slmworks.numbers.figures import size

    kept = found.kept
    say(
        f"kept: {found.stays.count} objects, {size(found.stays.size)} · {kept.releases} releases · "
        f"{len(kept.runs)} runs"
    )
    if found.ledgers.count:
        several = "s" if found.ledgers.count > 1 else ""
        amount = f"{found.ledgers.count} ledger{several} of teachers, {size(found.ledgers.size)}"
        say(f"kept: {amount}; `slmworks ledger` says of what")
    tenses = ("would wait", "would be removed") if dry_run else ("waits", "removed")
    kinds = dict.fromkeys([*found.aside, *found.removed])
    rows = [(kind, *_words(found.aside.get(kind)), *_words(found.removed.get(kind))) for kind in kinds]
    if some := [row for row in rows if any(row[1:])]:
        table = Columns(("", tenses[0], "", tenses[1], ""), wrap=())
        for row in some:
            table.add(*row)
        table.show()
    else:
        say("nothing to let go of")
    if found.back:
        say(f"{found.back} that were laid aside are needed again, and are back")
    would = "would be freed" if dry_run else "freed"
    waits = sum(amount.size for amount in found.aside.values())
    say(f"{size(found.freed)} {would}, {size(waits)} aside, to be removed {grace_days:g} days after")


def _words(amount: "Amount | None") -> tuple[str, str]:
    from slmworks.numbers.figures import size

    if amount is None or not amount.count:
        return "", ""
    return f"{amount.count:,}", size(amount.size)
