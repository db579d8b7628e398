"""Entries of the log in blocks of 64 and of 8, so that a long log is read in a few requests.

`registry/.blocks/<name>/<first>-<last>.json` holds the texts of those entries, byte for byte, and is made by
who appends the last of them. It is a copy: the entries stay, and whoever audits the log reads those. Where an
entry is missing, or a block is not there or cannot be read, the entries are read one by one.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from slmworks.contract.errors import SlmworksError

if TYPE_CHECKING:
    from slmworks.store import Store

ENTRY = re.compile(r"registry/([^/]+)/(\d{6})\.json")
WIDE, NARROW = 64, 8


def entries(store: "Store", name: str) -> list[str]:
    """Keys of the log's entries, in their order."""
    return sorted(filter(ENTRY.fullmatch, store.list(f"registry/{name}/")))


def number(key: str) -> int:
    """The place of an entry in its log, counted from 1."""
    return int(key.removesuffix(".json").rpartition("/")[2])


def read(store: "Store", name: str, keys: Sequence[str]) -> list[bytes]:
    """The texts of the entries `keys`, which are all that the log has, in their order."""
    blocks = list(_blocks(keys))
    read = store.read_all([_key(name, block) if len(block) > 1 else block[0] for block in blocks])
    texts: list[bytes] = []
    for block, data in zip(blocks, read, strict=True):
        if len(block) == 1:
            texts.append(data or b"")
        else:
            texts += _texts(data, len(block)) or [text or b"" for text in store.read_all(block)]
    return texts


def extend(store: "Store", name: str, seq: int) -> None:
    """Make the blocks that the entry `seq` fills, and older ones that are missing; who may not, need not."""
    if seq % NARROW:
        return
    with contextlib.suppress(SlmworksError):
        there = store.list(f"registry/.blocks/{name}/")
        for block in _blocks(entries(store, name)):
            if len(block) > 1 and _key(name, block) not in there:
                texts = [(text or b"").decode() for text in store.read_all(block)]
                store.create(_key(name, block), json.dumps(texts, ensure_ascii=False).encode())


def _blocks(keys: Sequence[str]) -> Iterator[list[str]]:
    """The whole log in as few blocks as there can be; an entry by itself is a block of one."""
    place = 0
    while place < len(keys):
        widths = (width for width in (WIDE, NARROW) if _is_whole(keys[place : place + width], width))
        width = next(widths, 1)
        yield list(keys[place : place + width])
        place += width


def _is_whole(block: Sequence[str], width: int) -> bool:
    """Whether a block is full, lacks no entry, and begins where blocks of its width do."""
    if len(block) < width:
        return False
    first, last = number(block[0]), number(block[-1])
    return (first - 1) % width == 0 and last - first + 1 == width


def _key(name: str, block: Sequence[str]) -> str:
    return f"registry/.blocks/{name}/{number(block[0]):06d}-{number(block[-1]):06d}.json"


def _texts(data: bytes | None, count: int) -> list[bytes]:
    """The texts in a block; none where they are not what they should be."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        texts = [text.encode() for text in json.loads(data or b"")]
        return texts if len(texts) == count else []
    return []
