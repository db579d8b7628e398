"""Rows of csv and tsv files: delimiter, quotation marks, header line, rows of a wrong width."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from slmworks.contract.errors import BadRequest
from slmworks_text import streams
from slmworks_text.layout import Layout
from slmworks_text.quoting import Quoting
from slmworks_text.streams import Meter, lines, text_of
from slmworks_text.values import Ragged, Values, Wanted, other_delimiter, picked, positions

SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""Excel's first line, which names the delimiter."""
UNNAMED = ", or name the first column in the header too"
"""Said where each row has one value more than the header: R gives its index no name."""
LOOKED_AT = 100
"""Rows of which most show that a delimiter stands at the end of each."""


def separated_rows(
    path: Path,
    layout: Layout,
    wanted: Wanted,
    meter: Meter,
    *,
    tab: bool,
    shown: str,
    warn: Callable[[str], None],
) -> Iterator[Values]:
    """The rows of a file; BadRequest names file, line and way out. `tab`: the file is a tsv."""
    quoted = _quoted(path, layout, shown, warn, tab=tab)
    with text_of(path, layout.encoding, meter, shown=shown) as stream:
        rows, delimiter = _read(stream, layout, shown, tab=tab, quoted=quoted)
        yield from _wanted(rows, layout, wanted, shown, delimiter, quoted=quoted)


def header(path: Path, layout: Layout, *, tab: bool, shown: str) -> tuple[str, ...]:
    """The names in the first line; () for an empty file."""
    quoted = layout.quotes == "on" or (layout.quotes == "auto" and not tab)
    with text_of(path, layout.encoding, None, shown=shown) as stream:
        rows, _ = _read(stream, layout, shown, tab=tab, quoted=quoted)
        return tuple(name.strip() for name in next(rows, (0, []))[1])


def _quoted(path: Path, layout: Layout, shown: str, warn: Callable[[str], None], *, tab: bool) -> bool:
    if tab and layout.quotes == "auto":
        delimiter = layout.delimiter or "\t"
        return _looks_quoted(path, layout, delimiter, shown, warn)
    return layout.quotes == "on" or (layout.quotes == "auto" and not tab)


def _read(
    stream: TextIO, layout: Layout, shown: str, *, tab: bool, quoted: bool
) -> tuple[Iterator[tuple[int, list[str]]], str]:
    """The rows with their lines, header first, and the delimiter."""
    delimiter = layout.delimiter or ("\t" if tab else ",")
    found = lines(stream, shown)
    first = next(found, "")
    said = None if tab else SEP.fullmatch(first)
    if said:
        delimiter = layout.delimiter or said[1]
    else:
        found = chain([first] if first else [], found)
    # Quotation marks in the cells of an unquoted file are text.
    dialect: dict[str, Any] = {"quoting": csv.QUOTE_NONE}
    csv.field_size_limit(streams.LONGEST)
    if quoted:
        start = list(islice(found, LOOKED_AT))
        found = chain(start, found)
        dialect = {
            "strict": True,
            "skipinitialspace": _blank_before_quotes(start, delimiter, layout.columns),
        }
    rows = _numbered(csv.reader(found, delimiter=delimiter, **dialect), shown, first=2 if said else 1)
    return rows, delimiter


def _looks_quoted(
    path: Path, layout: Layout, delimiter: str, shown: str, warn: Callable[[str], None]
) -> bool:
    """Whether a tsv is written with quoted values; reads the whole file, since one cell can refute it."""
    quoting = Quoting(delimiter, width=len(layout.columns))
    with text_of(path, layout.encoding, None, shown=shown) as stream:
        quoting.read(lines(stream, shown))
    if quoting.doubtful:
        warn(
            f"{shown}: some values are written in quotation marks and others hold bare ones (line "
            f"{quoting.refuted}); all are read as they stand; set quotes to on or off"
        )
    return quoting.quoted


def _blank_before_quotes(start: Sequence[str], delimiter: str, columns: Sequence[str]) -> bool:
    """Whether blanks stand before quotation marks: only without them do the first rows have one width."""
    mark = f'{delimiter} "'
    if not any(mark in line for line in start):
        return False
    plain, skipped = (_widths(start, delimiter, skip=skip) for skip in (False, True))
    width = len(columns) or (plain or [0])[0]
    if set(skipped) != {width}:
        return False
    return 2 * sum(found != width for found in plain) > len(plain) or (not columns and mark in start[0])


def _widths(start: Sequence[str], delimiter: str, *, skip: bool) -> list[int]:
    """Values of each row that the lines hold whole; empty where they are not readable so."""
    found: list[int] = []
    try:
        for values in csv.reader(start, delimiter=delimiter, strict=True, skipinitialspace=skip):
            found += [len(values)] if values else []
    except csv.Error as error:
        return found if "end of data" in str(error) else []
    return found


def _wanted(
    rows: Iterator[tuple[int, list[str]]],
    layout: Layout,
    wanted: Wanted,
    shown: str,
    delimiter: str,
    *,
    quoted: bool,
) -> Iterator[Values]:
    columns = layout.columns or tuple(name.strip() for name in next(rows, (0, []))[1])
    if not columns:
        raise BadRequest(f"{shown}: the file is empty; it has not even a header line.")
    first = list(islice(rows, LOOKED_AT))
    if not first:
        return
    spot, width = positions(columns, wanted, shown, layout.optional), len(columns)
    trailing = 2 * sum(_ends_empty(values, width) for _, values in first) > len(first)
    one_more = not layout.columns and all(len(values) == width + 1 for _, values in first) and not trailing
    for line, values in chain(first, rows):
        if trailing and _ends_empty(values, width):
            values.pop()
        if len(values) == width:
            yield line, picked(values, spot)
        else:
            hint = _hint(values, width, delimiter, quoted=quoted)
            yield line, Ragged(len(values), width, hint + UNNAMED * bool(hint and one_more))


def _ends_empty(values: Sequence[str], width: int) -> bool:
    """True for a row with one value too many, which is empty: a delimiter stands at its end."""
    return len(values) == width + 1 and not values[-1].strip()


def _hint(values: Sequence[str], width: int, delimiter: str, *, quoted: bool) -> str:
    """The probable cause of a wrong width, or the way out; empty if none can be seen."""
    if not quoted and any(value.startswith('"') for value in values):
        return "where quotation marks enclose values, set quotes: on"
    if len(values) == 1 and (sign := other_delimiter(values[0])):
        return f"set delimiter: {sign}"
    if any(value.startswith(' "') for value in values):
        return "a blank stands before a quotation mark"
    several = quoted and len(values) > width
    return f"put values that hold {delimiter!r} in quotation marks" if several else ""


def _numbered(reader: Any, shown: str, *, first: int) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line they begin on, without blank ones; `first`: number of the reader's first line."""
    line = first
    try:
        for values in reader:
            if any(values) and any(map(str.strip, values)):
                yield line, values
            line = reader.line_num + first
    except csv.Error as error:
        raise BadRequest(
            f"{shown}:{line}: the row that begins here is not readable as csv ({error}); double "
            'quotes within quotes ("" in place of \\"), and close them; where they enclose no values, set '
            "quotes: off."
        ) from None
