"""`slmworks pull`."""

import re
from pathlib import Path

import click

from slmworks.cli.console import say
from slmworks.cli.keys import trusted_keys_option
from slmworks.cli.places import Places, with_places


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@click.option(
    "--digest",
    metavar="sha256:HEX",
    help="Exactly the model with this digest, and only if it is approved now.",
)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is new or empty."
)
@trusted_keys_option
@with_places()
def pull(name: str, version: int | None, digest: str | None, folder: Path, places: Places) -> None:
    """Bring an approved VERSION of NAME (default: the champion) into a folder, for `slmworks serve --from`.

    The approval log is asked and every file that was copied is hashed. What is not approved (any more), or
    was edited, is refused, and nothing stays in the folder.
    """
    from slmworks.registry.log import Registry
    from slmworks.registry.pulled import pull as fetch

    wanted = _hex(digest)
    registry = Registry(places.store)
    approved, fresh = fetch(registry, name, folder, version=version, model_digest=wanted)
    entry = approved.entry
    what = f"{name} v{entry.version} · model sha256:{entry.model_digest}"
    if fresh:
        say(f"{what} in {folder}: serve it with  slmworks serve {name} --from {folder}")
    else:
        say(f"{what} is in {folder} already, approved and whole")


def _hex(digest: str | None) -> str:
    from slmworks.contract.errors import BadRequest

    if digest is None:
        return ""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BadRequest(f"--digest '{digest}': a model's digest is sha256: and 64 hex digits.")
    return digest.removeprefix("sha256:")
