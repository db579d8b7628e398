"""Lines of JSON read in blocks: a line that is like the first one needs no parser.

Most files hold objects with the same keys in the same order and texts without escapes; one search finds the
values of all such lines of a block. Every other line is parsed.
"""

import io
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, TextIO

from slmworks_text import streams
from slmworks_text.streams import MARK, PIECE, too_long

TEXT = r'"([^"\\\x00-\x1f]*)"'
"""A string as JSON writes it without escapes."""
OTHER = r'(?:"[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?|true|false|null)'
"""A value of a column that is not wanted."""
PLAIN_KEY = re.compile(r"[ !#-\[\]-~]*")

Block = tuple[int, str]
"""Number of the first line, and whole lines."""


def blocks(stream: TextIO, shown: str) -> Iterator[Block]:
    """The file in blocks of whole lines, without a byte order mark; BadRequest for one too long for a row."""
    number, parts, size = 1, list[str](), 0
    while piece := stream.read(PIECE):
        if number == 1 and not parts:
            piece = piece.removeprefix(MARK)
        end = piece.rfind("\n") + 1
        if size + (piece.find("\n") if end else len(piece)) >= streams.LONGEST:
            raise too_long(shown, number)
        if not end:
            parts.append(piece)
            size += len(piece)
            continue
        text = "".join((*parts, piece[:end]))
        if len(text) >= streams.LONGEST:
            _refuse_long(text, number, shown)
        yield number, text
        number += text.count("\n")
        parts, size = [piece[end:]], len(piece) - end
    if rest := "".join(parts):
        yield number, rest


def _refuse_long(text: str, number: int, shown: str) -> None:
    for line in text.split("\n"):
        if len(line) + 1 >= streams.LONGEST:
            raise too_long(shown, number)
        number += 1


def lines_of(found: Iterator[Block]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, and with their ends."""
    for number, text in found:
        yield from enumerate(io.StringIO(text, newline="\n"), number)


class Alike:
    """Finds the wanted values in lines that are like the first object of a file."""

    def __init__(self, first: dict[str, Any], names: Sequence[str]) -> None:
        """`names`: the wanted keys; `first` has them all, in the order of the lines."""
        found = [key for key in first if key in set(names)]
        pairs = (f'"{re.escape(key)}"[ \\t]*:[ \\t]*{TEXT if key in found else OTHER}' for key in first)
        body = "[ \\t]*,[ \\t]*".join(pairs)
        self.pattern = re.compile(rf"^[ \t]*\{{[ \t]*{body}[ \t]*\}}[ \t]*\r?$", re.MULTILINE)
        self.single = len(found) == 1
        self.order = itemgetter(*map(found.index, names)) if found != list(names) else None

    @staticmethod
    def fits(first: dict[str, Any], names: Sequence[str]) -> bool:
        """Whether lines can be looked for that are like this one."""
        return (
            isinstance(first, dict)
            and len(names) > 0
            and {*names} <= first.keys()
            and len(first) <= 50
            and all(map(PLAIN_KEY.fullmatch, first))
        )

    def values(self, text: str) -> list[Sequence[str]]:
        """The values of each line that is like the first."""
        found = self.pattern.findall(text)
        if self.single:
            found = [(one,) for one in found]
        return found if self.order is None else list(map(self.order, found))
