"""Tables in files: csv, tsv, jsonl, json, parquet, plain lines; each but parquet may be gzipped or zstd.

Rows are numbered, hold the wanted values and are read as a stream (`json` is read whole). Nothing is guessed
from the content but the line ends.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks_text import streams
from slmworks_text.streams import COMPRESSED, Encoding, Meter, lines, text_of
from slmworks_text.values import Values, Wanted, no_column, positions

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "lines"]

ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Format, columns and encoding of one file."""

    format: Format | None = None
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without a header line."""
    encoding: Encoding = "utf-8"
    key: str = ""
    """`json`: the entry that holds the rows."""


def read_rows(path: Path, layout: Layout, wanted: Wanted, meter: Meter, *, shown: str) -> Iterator[Values]:
    """The rows of a file, one after the other; `shown` is its name in errors.

    BadRequest names file, line and way out.
    """
    format_ = layout.format or format_of(path, shown)
    if format_ == "parquet":
        from slmworks_text.parquet import parquet_rows

        yield from parquet_rows(path, wanted, meter, shown)
        return
    ends = "\n" if format_ == "jsonl" else ""  # U+2028 and bare \r are legal inside a line of JSON
    with text_of(path, layout.encoding, meter, shown=shown, newline=ends) as stream:
        if format_ in ("csv", "tsv"):
            yield from _separated(lines(stream, shown), layout, wanted, tab=format_ == "tsv", shown=shown)
        elif format_ == "lines":
            columns = layout.columns or ("text",)
            count = len(positions(columns, wanted, shown)) if len(columns) == 1 else 0
            found = (line for piece in lines(stream, shown) for line in piece.splitlines())
            yield from ((number, [line] * count or None) for number, line in enumerate(found, 1))
        elif format_ == "jsonl":
            yield from _records(_json_lines(lines(stream, shown), shown), layout, wanted, shown)
        else:
            yield from _records(_json_rows(stream.read(), layout, shown), layout, wanted, shown)


def format_of(path: Path, shown: str) -> Format:
    """The format by a file's ending; BadRequest asks for the option."""
    bare = path.with_suffix("") if path.suffix in COMPRESSED else path
    suffix = bare.suffix.lower()
    if suffix not in ENDINGS:
        raise BadRequest(f"{shown}: its ending names no format; set format (csv, tsv, jsonl, …).")
    return ENDINGS[suffix]


def _separated(
    found: Iterator[str], layout: Layout, wanted: Wanted, *, tab: bool, shown: str
) -> Iterator[Values]:
    # Tab-separated files in the wild hold bare quotation marks; they are text there.
    dialect: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tab else {"strict": True}
    csv.field_size_limit(streams.LONGEST)
    reader = csv.reader(found, **dialect)
    rows = _numbered(reader, shown)
    columns = layout.columns or tuple(name.strip() for name in next(rows, (0, []))[1])
    if not columns:
        raise BadRequest(f"{shown}: the file is empty; it has not even a header line.")
    spot: list[int] | None = None
    for line, values in rows:
        if spot is None:
            spot = positions(columns, wanted, shown)
        yield line, [values[i] for i in spot] if len(values) == len(columns) else None


def _numbered(reader: Any, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line they begin on, without empty lines."""
    line = 1
    try:
        for values in reader:
            if values:
                yield line, values
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadRequest(
            f"{shown}:{line}: the row that begins here is not readable as csv ({error}); "
            "double quotes within quotes, and close them."
        ) from None


def _json_lines(found: Iterator[str], shown: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(found, 1):
        if line.strip():
            yield number, _parsed(line, f"{shown}:{number}")


def _json_rows(text: str, layout: Layout, shown: str) -> Iterator[tuple[int, Any]]:
    data = _parsed(text, shown)
    if isinstance(data, dict):
        if layout.key not in data:
            hint = did_you_mean(layout.key, data)
            raise BadRequest(f"{shown}: a JSON object; set key to the entry that holds the rows. {hint}")
        data = data[layout.key]
    if not isinstance(data, list):
        raise BadRequest(f"{shown}: expected a JSON list of rows, found {type(data).__name__}.")
    yield from enumerate(data, 1)


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequest(f"{place}: not JSON ({error}).") from None
    except RecursionError:
        raise BadRequest(f"{place}: JSON nested too deeply to be a row.") from None


def _records(
    records: Iterator[tuple[int, Any]], layout: Layout, wanted: Wanted, shown: str
) -> Iterator[Values]:
    """Objects, or lists of values in the order of `columns`; all must be like the first."""
    first = next(records, None)
    if first is None:
        return
    if isinstance(first[1], list):
        yield from _listed(first, records, layout, wanted, shown)
    else:
        yield from _objects(first, records, wanted, shown)


def _listed(
    first: tuple[int, Any], records: Iterator[tuple[int, Any]], layout: Layout, wanted: Wanted, shown: str
) -> Iterator[Values]:
    if not layout.columns:
        raise BadRequest(f"{shown}: its rows are lists; name their columns, such as columns: [text, label].")
    spot = positions(layout.columns, wanted, shown)
    for number, record in chain((first,), records):
        if not isinstance(record, list):
            raise BadRequest(f"{shown}:{number}: expected a JSON list like the rows before it.")
        yield number, [record[i] for i in spot] if len(record) == len(layout.columns) else None


def _objects(
    first: tuple[int, Any], records: Iterator[tuple[int, Any]], wanted: Wanted, shown: str
) -> Iterator[Values]:
    """A value that an object lacks is None; a column that no object has is an error."""
    names = tuple(wanted.values())
    unseen, columns = set(names), dict[str, None]()
    for number, record in chain((first,), records):
        if not isinstance(record, dict):
            raise BadRequest(f"{shown}:{number}: expected a JSON object whose keys are the columns.")
        if unseen:
            unseen.difference_update(record)
            columns.update(dict.fromkeys(record) if len(columns) < 100 else {})
        yield number, [record.get(name) for name in names]
    for option, name in wanted.items():
        if name in unseen:
            raise no_column(tuple(columns), option, name, shown)
