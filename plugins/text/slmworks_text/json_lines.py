"""Lines of JSON read in blocks: a line that is like the first one needs no parser.

Most files hold objects with the same keys in the same order and texts without escapes; one search finds the
values of all such lines of a block. Every other line is parsed.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import itemgetter
from typing import Any, TextIO

from slmworks.contract.errors import BadRequest
from slmworks_text import streams
from slmworks_text.streams import MARK, PIECE, too_long
from slmworks_text.values import Values

TEXT = r'"([^"\\\x00-\x1f]*)"'
"""A string as JSON writes it without escapes."""
OTHER = r'(?:"[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?|true|false|null)'
"""A value of a column that is not wanted."""
PLAIN_KEY = re.compile(r"[ !#-\[\]-~]*")

BLANK_AHEAD = re.compile(r"\n\s")
"""A line that may be blank: it is no row."""
CHARACTERS = 125_000
"""Of lines that are parsed at a time."""
DEEPEST = 400
"""Lists and objects within each other; what Python's own limit lets pass depends on who calls its parser."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

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


@dataclass(frozen=True)
class Lines:
    """Lines of a file that are not parsed yet."""

    shown: str
    """`<input>/<file>`, for errors."""
    number: int
    """Of the first line."""
    text: str
    names: Sequence[str]
    """The wanted keys."""
    alike: Alike

    @property
    def counted(self) -> bool:
        """True where each line is surely a row."""
        return not self.text[0].isspace() and BLANK_AHEAD.search(self.text) is None

    def split(self) -> Iterator[tuple[int, "Lines"]]:
        """The same, so many lines at a time."""
        start, number = 0, self.number
        while start < len(self.text):
            end = self.text.find("\n", start + CHARACTERS) + 1 or len(self.text)
            text = self.text[start:end]
            size = lines_in(text)
            yield size, replace(self, number=number, text=text)
            start, number = end, number + size

    def rows(self) -> Iterator[Values]:
        """The wanted values of each line; BadRequest for one that is no JSON object."""
        rows = self.alike.values(self.text)
        if len(rows) == lines_in(self.text):
            yield from enumerate(rows, self.number)
            return
        for place, line in lines_of(iter([(self.number, self.text)])):
            if values := self.alike.values(line):
                yield place, values[0]
            elif line.strip():
                record = as_object(parsed_line(line, self.shown, place), self.shown, place)
                yield place, [record.get(name) for name in self.names]


def lines_in(text: str) -> int:
    """The number of lines of a text that isn't empty."""
    return text.count("\n") + (text[-1] != "\n")


def parsed_lines(found: Iterable[tuple[int, str]], shown: str) -> Iterator[tuple[int, Any]]:
    """The values of numbered lines; blank ones are left out."""
    for number, line in found:
        if line.strip():
            yield number, parsed_line(line, shown, number)


def parsed_line(line: str, shown: str, number: int) -> Any:
    """The value of a line; BadRequest with its place."""
    if line.count("[") + line.count("{") > DEEPEST and _depth(line) > DEEPEST:
        raise _too_deep(f"{shown}:{number}")
    return parsed(line, f"{shown}:{number}", "a list over several lines; set format: json")


def as_object(record: Any, shown: str, number: int) -> dict[str, Any]:
    """The same; BadRequest for what is no object."""
    if not isinstance(record, dict):
        raise BadRequest(f"{shown}:{number}: expected a JSON object whose keys are the columns.")
    return record


def parsed(text: str, place: str, other: str) -> Any:
    """The value of JSON; `other` is said of a text that the other format of JSON explains."""
    try:
        return json.loads(text)
    except ValueError as error:
        several = "Extra data" in str(error) and "\n" in text.strip()
        hint = f"; it seems to hold {other}" if several or text.strip() in ("[", "{") else ""
        raise BadRequest(f"{place}: not JSON ({error}){hint}.") from None
    except RecursionError:
        raise _too_deep(place) from None


def _depth(line: str) -> int:
    """Lists and objects within each other."""
    steps = ((sign in "[{") - (sign in "]}") for sign in STRING.sub("", line))
    return max(accumulate(steps, initial=0))


def _too_deep(place: str) -> BadRequest:
    return BadRequest(f"{place}: JSON nested too deeply to be a row.")
