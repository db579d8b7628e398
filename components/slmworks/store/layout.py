"""The format of a store: a number that grows when an older slmworks could no longer read what is written.

    format.json      {"format": 1, "written_by": "0.1.0"}

Version 0.1 began stores without it; they are of format 1. A change that older versions read past (further
keys to look things up by, further fields of a record) leaves the number as it is.
"""

import json
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest, CorruptObject

if TYPE_CHECKING:
    from slmworks.store.contract import Store

KEY = "format.json"
FORMAT = 1
"""What this version writes, and the newest that it reads."""


def require_readable(store: str, data: bytes | None) -> None:
    """BadRequest for a store that a newer version began, or brought to a newer format.

    `store` is its name for people, `data` what `KEY` holds.
    """
    if data is None:
        return
    try:
        said = json.loads(data)
        found, by = int(said["format"]), str(said.get("written_by", "a newer version"))
    except (ValueError, KeyError, TypeError):
        raise CorruptObject(
            f'store {store}: {KEY} is damaged; write {{"format": {FORMAT}}} into it.'
        ) from None
    if found > FORMAT:
        raise BadRequest(
            f"store {store}: its format is {found}, written by slmworks {by}; this slmworks reads up to "
            f"{FORMAT}. Install that version or a later one, or name another store."
        )


def note(store: "Store", version: str) -> None:
    """Say the format of a store that says none; whoever begins a run does."""
    store.create(KEY, json.dumps({"format": FORMAT, "written_by": version}).encode())
