"""Tables in files: csv, tsv, jsonl, json, parquet, plain lines; each may be gzipped.

Everything becomes a header and rows of values. Nothing is guessed from the content but the line ends.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slmworks.errors import BadRequest, did_you_mean

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "lines"]
Encoding = Literal["utf-8", "utf-8-replace", "utf-16", "latin-1", "cp1252"]

ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one file is to be read."""

    format: Format | None = None
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without a header line."""
    encoding: Encoding = "utf-8"
    key: str = ""
    """`json`: the entry that holds the rows."""


@dataclass(frozen=True)
class Table:
    """Column names and rows; a row is its line (or record) number and its values."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[int, Sequence[Any]]]
    """Rows whose number of values differs from the columns' are malformed: the reader counts them."""


def read_table(path: Path, layout: Layout, *, shown: str) -> Table:
    """Open a file as a table; `shown` is its name in errors. BadRequest says file, line and way out."""
    format_ = layout.format or format_of(path, shown)
    if format_ == "parquet":
        return _parquet(path, shown)
    text = decode(_bytes(path), layout.encoding, shown)
    if format_ in ("csv", "tsv"):
        return _separated(text, layout, tab=format_ == "tsv", shown=shown)
    if format_ == "lines":
        lines = text.splitlines()
        return Table(layout.columns or ("text",), ((i, (line,)) for i, line in enumerate(lines, 1)))
    if format_ == "jsonl":
        return _records(_json_lines(text, shown), layout, shown)
    return _records(_json_rows(text, layout, shown), layout, shown)


def format_of(path: Path, shown: str) -> Format:
    """The format that a file's ending means; BadRequest asks for the option."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in ENDINGS:
        raise BadRequest(f"{shown}: its ending names no format; set format (csv, tsv, jsonl, …).")
    return ENDINGS[suffix]


def decode(data: bytes, encoding: Encoding, shown: str) -> str:
    """Bytes as text; BadRequest with line and byte for what the encoding cannot read."""
    if encoding == "utf-8-replace":
        return data.decode("utf-8-sig", "replace")
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"byte {error.start} (0x{data[error.start]:02x})"
        raise BadRequest(
            f"{shown}:{line}: {byte} is not {encoding}; set encoding to the file's own (latin-1, utf-16, …), "
            "or to utf-8-replace to read bad bytes as '\ufffd'."
        ) from None


def _bytes(path: Path) -> bytes:
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            return stream.read()
    return path.read_bytes()


def _separated(text: str, layout: Layout, *, tab: bool, shown: str) -> Table:
    # Tab-separated files in the wild hold bare quotation marks; they are text there.
    dialect: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tab else {"strict": True}
    csv.field_size_limit(1 << 28)
    reader = csv.reader(io.StringIO(text, newline=""), **dialect)

    def rows() -> Iterator[tuple[int, Sequence[Any]]]:
        try:
            yield from ((reader.line_num, values) for values in reader if values)
        except csv.Error as error:
            raise BadRequest(
                f"{shown}:{reader.line_num}: not readable as csv ({error}); double quotes within quotes."
            ) from None

    found = rows()
    columns = layout.columns or tuple(name.strip() for name in next(found, (0, ()))[1])
    if not columns:
        raise BadRequest(f"{shown}: the file is empty; it has not even a header line.")
    return Table(columns, found)


def _json_lines(text: str, shown: str) -> Iterator[tuple[int, Any]]:
    # Not splitlines(): U+2028 and friends are legal inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
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


def _records(records: Iterator[tuple[int, Any]], layout: Layout, shown: str) -> Table:
    """Objects, or lists of values in the order of `columns`."""
    found = list(records)
    if not found:
        return Table(layout.columns, iter(()))
    if all(isinstance(record, list) for _, record in found):
        if not layout.columns:
            raise BadRequest(
                f"{shown}: its rows are lists; name their columns, such as columns: [text, label]."
            )
        return Table(layout.columns, iter(found))
    wrong = next((number for number, record in found if not isinstance(record, dict)), None)
    if wrong is not None:
        raise BadRequest(f"{shown}:{wrong}: expected a JSON object with a text and a label.")
    columns = tuple(dict.fromkeys(name for _, record in found for name in record))
    return Table(columns, ((number, [record.get(name) for name in columns]) for number, record in found))


def _parquet(path: Path, shown: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, use_threads=False)
    except pa.ArrowInvalid as error:
        raise BadRequest(f"{shown}: not a Parquet file ({str(error).splitlines()[0]}).") from None
    values = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return Table(tuple(table.column_names), iter(enumerate(values, 1)))
