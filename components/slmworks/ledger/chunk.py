"""A chunk of a ledger: some entries in one file, column by column, compressed.

    magic, sha256 of the rest, length of the header (uint32), header (JSON)
    keys of the rows (16 bytes each), then each column as an LZMA stream: lengths (uint32 a row), bytes

All numbers are little-endian. The rows' tokens are a column without bytes.
"""

import hashlib
import json
import lzma
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmworks.contract.errors import CorruptObject
from slmworks.contract.ledger import Cost, Entry

MAGIC = b"slmworks ledger 1\n"
KEY = 16
"""Bytes of a key in a file: half of its sha256."""
TOKENS = ""
"""Name of the column whose lengths are the rows' tokens."""


@dataclass(frozen=True)
class Chunk:
    """Some entries of a ledger."""

    entries: Mapping[str, Entry]
    """Short key (32 hex digits) -> entry."""
    cost: Cost
    created: str
    """UTC time, ISO 8601."""
    replaces: tuple[int, ...] = field(default=())
    """Numbers of the chunks whose entries and cost this one has taken over."""

    def dump(self) -> bytes:
        """The file."""
        names = sorted({name for entry in self.entries.values() for name in entry.columns})
        rows = list(self.entries.values())
        packed = [_packed([entry.tokens for entry in rows], b"")]
        for name in names:
            parts = [entry.columns.get(name, b"") for entry in rows]
            packed.append(_packed([len(part) for part in parts], b"".join(parts)))
        header = {
            "rows": len(rows),
            "columns": [[name, len(data)] for name, data in zip([TOKENS, *names], packed, strict=True)],
            "cost": self.cost.dump(),
            "created": self.created,
            "replaces": list(self.replaces),
        }
        said = json.dumps(header).encode()
        keys = b"".join(map(bytes.fromhex, self.entries))
        rest = b"".join([struct.pack("<I", len(said)), said, keys, *packed])
        return MAGIC + hashlib.sha256(rest).digest() + rest


def short(key: str) -> str:
    """A key as chunks have it."""
    return key[: 2 * KEY]


@dataclass(frozen=True)
class Index:
    """What is known of a chunk without its entries."""

    keys: tuple[str, ...]
    """Short keys of its rows."""
    tokens: tuple[int, ...]
    """The teacher's tokens of each row."""
    cost: Cost
    created: str
    replaces: tuple[int, ...]
    size: int
    """Bytes of the file."""


def index(data: bytes, *, where: str) -> Index:
    """What a chunk's file says of itself; CorruptObject where it is cut short or not what was written."""
    header, keys, columns = _parts(data, where)
    tokens, _ = _unpacked(dict(columns)[TOKENS], len(keys))
    replaces = tuple(map(int, header["replaces"]))
    return Index(keys, tokens, Cost.load(header["cost"]), str(header["created"]), replaces, len(data))


def entries(data: bytes, *, where: str) -> dict[str, Entry]:
    """The entries of a chunk's file by short key; CorruptObject as `index`."""
    _, keys, columns = _parts(data, where)
    tokens: tuple[int, ...] = ()
    each: list[dict[str, bytes]] = [{} for _ in keys]
    for name, packed in columns:
        lengths, joined = _unpacked(packed, len(keys))
        if name == TOKENS:
            tokens = lengths
            continue
        start = 0
        for row, length in zip(each, lengths, strict=True):
            row[name] = joined[start : start + length]
            start += length
    made = (Entry(row, count) for row, count in zip(each, tokens, strict=True))
    return dict(zip(keys, made, strict=True))


def _parts(data: bytes, where: str) -> tuple[dict[str, Any], tuple[str, ...], list[tuple[str, bytes]]]:
    """Header, short keys, and name and compressed bytes of each column."""
    start = len(MAGIC) + 32
    rest = data[start:]
    if data[: len(MAGIC)] != MAGIC or hashlib.sha256(rest).digest() != data[len(MAGIC) : start]:
        raise CorruptObject(f"{where}: is not what was written.")
    (length,) = struct.unpack_from("<I", rest)
    header: dict[str, Any] = json.loads(rest[4 : 4 + length])
    at = 4 + length
    end = at + KEY * int(header["rows"])
    keys = tuple(rest[place : place + KEY].hex() for place in range(at, end, KEY))
    columns = []
    for name, size in header["columns"]:
        columns.append((str(name), rest[end : end + size]))
        end += size
    return header, keys, columns


def _packed(lengths: Sequence[int], data: bytes) -> bytes:
    return lzma.compress(struct.pack(f"<{len(lengths)}I", *lengths) + data, check=lzma.CHECK_NONE)


def _unpacked(data: bytes, rows: int) -> tuple[tuple[int, ...], bytes]:
    whole = lzma.decompress(data)
    return struct.unpack_from(f"<{rows}I", whole), whole[4 * rows :]
