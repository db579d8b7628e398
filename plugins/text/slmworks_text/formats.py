"""Tables in files: csv, tsv, jsonl, json, parquet, plain lines; each but parquet may be compressed.

Rows are numbered, hold the wanted values and are read as a stream (`json` is read whole). From the content
come the line ends, Excel's `sep=` line, a delimiter at every row's end, and whether a tsv is quoted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks_text.json_lines import (
    Alike,
    Block,
    Lines,
    as_object,
    blocks,
    lines_of,
    parsed,
    parsed_lines,
)
from slmworks_text.layout import Format, Layout
from slmworks_text.separated import LOOKED_AT, header, separated_rows
from slmworks_text.streams import COMPRESSED, MARK, Meter, lines, text_of
from slmworks_text.values import Ragged, Values, Wanted, column_of, no_column, none_of, picked, positions

ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip

Part = Iterator[Values] | Lines
"""Rows of a file, or lines that are still to be parsed."""


def read_rows(
    path: Path, layout: Layout, wanted: Wanted, meter: Meter, *, shown: str, warn: Callable[[str], None]
) -> Iterator[Values]:
    """The rows of a file, one after the other; `shown` is its name in errors, `warn` takes what is doubtful.

    BadRequest names file, line and way out.
    """
    with opened_parts(path, layout, wanted, meter, shown=shown, warn=warn) as parts:
        for part in parts:
            yield from rows_in(part)


def rows_in(part: Part) -> Iterator[Values]:
    """The rows of a part."""
    return part.rows() if isinstance(part, Lines) else part


@contextmanager
def opened_parts(
    path: Path, layout: Layout, wanted: Wanted, meter: Meter, *, shown: str, warn: Callable[[str], None]
) -> Iterator[Iterator[Part]]:
    """The same in parts, each read before the next one and within the context; lines are still to parse."""
    format_ = layout.format or format_of(path, shown)
    if format_ == "parquet":
        from slmworks_text.parquet import parquet_rows

        yield iter([parquet_rows(path, layout, wanted, meter, shown)])
    elif format_ in ("csv", "tsv"):
        tab = format_ == "tsv"
        yield iter([separated_rows(path, layout, wanted, meter, tab=tab, shown=shown, warn=warn)])
    else:
        ends = "\n" if format_ == "jsonl" else ""  # U+2028 and bare \r are legal inside a line of JSON
        with text_of(path, layout.encoding, meter, shown=shown, newline=ends) as stream:
            if format_ == "lines":
                yield iter([_plain(lines(stream, shown), layout, wanted, shown)])
            elif format_ == "jsonl":
                yield _json_lines(blocks(stream, shown), layout, wanted, shown)
            else:
                content = stream.read().removeprefix(MARK)
                yield iter([_records(_json_rows(content, layout, shown), layout, wanted, shown)])


def columns_of(path: Path, layout: Layout, *, shown: str) -> tuple[str, ...]:
    """The columns: a header, a schema, or the keys of the first objects; () for an empty file."""
    if layout.columns:
        return layout.columns
    format_ = layout.format or format_of(path, shown)
    if format_ == "parquet":
        from slmworks_text.parquet import parquet_columns

        return parquet_columns(path, shown)
    if format_ in ("csv", "tsv"):
        return header(path, layout, tab=format_ == "tsv", shown=shown)
    if format_ == "lines":
        return ("text",) if path.stat().st_size else ()
    with text_of(
        path, layout.encoding, None, shown=shown, newline="\n" if format_ == "jsonl" else ""
    ) as stream:
        if format_ == "jsonl":
            records = parsed_lines(enumerate(lines(stream, shown), 1), shown)
        else:
            records = _json_rows(stream.read().removeprefix(MARK), layout, shown)
        first = [record for _, record in islice(records, LOOKED_AT)]
    return tuple(dict.fromkeys(key for one in first if isinstance(one, dict) for key in one))


def format_of(path: Path, shown: str) -> Format:
    """The format by a file's ending; BadRequest asks for the option."""
    bare = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    suffix = bare.suffix.lower()
    if suffix in (".zip", ".tar"):
        raise BadRequest(
            f"{shown}: an archive; fetch what is in it: {suffix[1:]}://NAME-IN-IT::{path.name}, or unpack it."
        )
    if suffix not in ENDINGS:
        raise BadRequest(f"{shown}: its ending names no format; set format (csv, tsv, jsonl, …).")
    return ENDINGS[suffix]


def _plain(found: Iterator[str], layout: Layout, wanted: Wanted, shown: str) -> Iterator[Values]:
    """Every line is the value of the only column."""
    columns = layout.columns or ("text",)
    spot = positions(columns, wanted, shown, layout.optional) if len(columns) == 1 else []
    single = (line for piece in found for line in piece.splitlines())
    for number, line in enumerate(single, 1):
        yield number, picked([line], spot) if spot else Ragged(1, len(columns))


def _json_lines(found: Iterator[Block], layout: Layout, wanted: Wanted, shown: str) -> Iterator[Part]:
    """Lines of JSON that are mostly like the first of all; else the rows of all lines, parsed."""
    block = next(found, None)
    if block is None:
        return
    first = next(parsed_lines(lines_of(iter([block])), shown), (0, None))[1]
    names = [column_of(name, first) for _, name in wanted] if isinstance(first, dict) else []
    if not isinstance(first, dict) or not Alike.fits(first, names):
        yield _records(parsed_lines(lines_of(chain((block,), found)), shown), layout, wanted, shown)
        return
    alike = Alike(first, names)
    for number, text in chain((block,), found):
        yield Lines(shown, number, text, names, alike)


def _json_rows(text: str, layout: Layout, shown: str) -> Iterator[tuple[int, Any]]:
    data = parsed(text, shown, "one value a line; set format: jsonl")
    if isinstance(data, dict):
        if layout.key not in data:
            hint = did_you_mean(layout.key, data)
            raise BadRequest(f"{shown}: a JSON object; set key to the entry that holds the rows. {hint}")
        data = data[layout.key]
    if not isinstance(data, list):
        raise BadRequest(f"{shown}: expected a JSON list of rows, found {type(data).__name__}.")
    yield from enumerate(data, 1)


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
        yield from _objects(first, records, layout, wanted, shown)


def _listed(
    first: tuple[int, Any], records: Iterator[tuple[int, Any]], layout: Layout, wanted: Wanted, shown: str
) -> Iterator[Values]:
    if first[1] and all(isinstance(value, dict) for value in first[1]):
        raise BadRequest(f"{shown}: its first line holds a list of rows, not one row; set format: json.")
    if not layout.columns:
        raise BadRequest(f"{shown}: its rows are lists; name their columns, such as columns: [text, label].")
    spot = positions(layout.columns, wanted, shown, layout.optional)
    for number, record in chain((first,), records):
        if not isinstance(record, list):
            raise BadRequest(f"{shown}:{number}: expected a JSON list like the rows before it.")
        if len(record) == len(layout.columns):
            yield number, picked(record, spot)
        else:
            yield number, Ragged(len(record), len(layout.columns))


def _objects(
    first: tuple[int, Any], records: Iterator[tuple[int, Any]], layout: Layout, wanted: Wanted, shown: str
) -> Iterator[Values]:
    """A value that an object lacks is None; a column that no object has is an error, if not optional."""
    names = [name for _, name in wanted]
    if isinstance(first[1], dict):
        names = [column_of(name, first[1]) for name in names]
    inner = {name for name in names if "." in name and not (isinstance(first[1], dict) and name in first[1])}
    unseen, columns = set(names), dict[str, None]()
    for number, value in chain((first,), records):
        record = as_object(value, shown, number)
        found = record | dict(_within(record, inner)) if inner else record
        if unseen:
            unseen.difference_update(found)
            columns.update(dict.fromkeys(record) if len(columns) < 100 else {})
        yield number, [found.get(name) for name in names]
    for (option, name), column in zip(wanted, names, strict=True):
        if column in unseen and name not in layout.optional:
            raise no_column(tuple(columns), option, name, shown)
    if names and unseen.issuperset(names):
        raise none_of(tuple(columns), wanted, shown)


def _within(record: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Columns `a.b` and their values: what the object under `a` has under `b`."""
    for name in names:
        value: Any = record
        for key in name.split("."):
            if not isinstance(value, Mapping) or key not in value:
                break
            value = value[key]
        else:
            yield name, value
