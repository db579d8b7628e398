"""`slmworks lineage` and `slmworks lineage sync`."""

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places
from slmworks.contract.plain_text import one_line


@click.command()
@click.argument("what")
@click.option("--run", help="With sync: only this run.")
@click.option(
    "--check",
    "checked",
    is_flag=True,
    help="With sync: download every release that MLflow holds, and upload again what differs from the log.",
)
@with_places(tracking=True)
def lineage(
    what: str,
    run: str | None,
    checked: bool,  # noqa: FBT001 - a flag of the command line
    places: Places,
) -> None:
    """Walk from a model back to its source files.

    WHAT is NAME@champion, NAME@candidate, NAME@3, or a digest; or the word `sync`, which uploads every
    record that MLflow does not have yet, closes runs that were killed, and puts aliases and tags right.

    Of a candidate that a selection stopped it says which one did, at which rank, and how surely.
    """
    from slmworks.contract.errors import BadRequest

    store = places.store
    if what != "sync":
        from slmworks.lineage import lineage_of, render
        from slmworks.lineage.stopped import stopped_as

        way = lineage_of(store, what)
        say(render(way))
        for made_in, one in stopped_as(store, way.root.digest):
            say(f"stopped in run {made_in} {one_line(one.words)}")
        return
    uri = places.tracking_uri
    if not uri:
        raise BadRequest("tracking is 'none', so there is nowhere to upload to; give --tracking.")
    from slmworks.tracking.sync import sync

    say(str(sync(store, uri, run)))
    if checked:
        from slmworks.tracking.check import heal

        found = heal(store, uri)
        for held in found:
            state = "as registered" if held.same else f"differed ({held.differing}); uploaded again"
            say(f"{held.entry.name} v{held.entry.version} in MLflow: {state}")
