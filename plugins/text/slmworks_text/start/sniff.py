"""The layout of a file that nobody has described: encoding, delimiter, header line, columns."""

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.encodings import USUAL
from slmworks_text.formats import ENDINGS, columns_of, format_of
from slmworks_text.label_warnings import NUMBER
from slmworks_text.layout import Format, Layout, Quotes
from slmworks_text.separated import SEP
from slmworks_text.streams import COMPRESSED, LONGEST, MARK, MARKS, text_of
from slmworks_text.values import DELIMITERS

SAMPLE = 1 << 18
"""Bytes that show delimiter and header."""
PIECE = 1 << 20
RECORDS = 200
"""Rows above which the last one may be cut off by the sample, and that show a number."""
FITS = 0.9
"""Least share of rows with as many values as most, for a delimiter."""
BARE = ("csv", "txt", "data", "dat", "")
"""Endings of files that may be delimited by anything."""


@dataclass(frozen=True)
class Found:
    """A file as it is to be read."""

    path: Path
    layout: Layout
    columns: tuple[str, ...]
    header: bool
    """False for a file without a header line, whose columns were named here."""

    @property
    def options(self) -> dict[str, Any]:
        """What differs from curation's defaults, as its options."""
        layout, ending = self.layout, format_or_none(self.path)
        found: dict[str, Any] = {}
        if layout.format != ending:
            found["format"] = layout.format
        if not self.header:
            found["columns"] = list(self.columns)
        if layout.encoding != "utf-8":
            found["encoding"] = layout.encoding
        if layout.delimiter and layout.delimiter != {"csv": ",", "tsv": "\t"}.get(str(layout.format)):
            found["delimiter"] = layout.delimiter
        if layout.quotes != "auto":
            found["quotes"] = layout.quotes
        if layout.key:
            found["key"] = layout.key
        return found


def sniff(
    path: Path,
    *,
    delimiter: str = "",
    encoding: str = "",
    quotes: Quotes = "auto",
    columns: Sequence[str] = (),
    header: bool | None = None,
) -> Found:
    """Look at a file; what is given is not looked for. BadRequest names what can't be told, and a way out."""
    shown = str(path)
    if not path.is_file():
        raise BadRequest(f"{shown}: {'is a folder; name a file' if path.is_dir() else 'no such file'}.")
    format_ = format_or_none(path) or _no_ending(path)
    if format_ == "parquet":
        layout = Layout(format=format_)
        return Found(path, layout, columns_of(path, layout, shown=shown), header=True)
    layout = Layout(format=format_, encoding=encoding or encoding_of(path))
    if format_ in ("json", "jsonl"):
        return _json(path, layout)
    text = _start(path, layout.encoding)
    if not text.strip():
        raise BadRequest(f"{shown}: the file is empty.")
    usual = "\t" if format_ == "tsv" else ","
    tried: tuple[Quotes, ...] = ("auto", "off") if quotes == "auto" else (quotes,)
    fitting = [(one, sign) for one in tried if (sign := delimiter or _delimiter(text, usual, quotes=one))]
    if not fitting:
        raise BadRequest(
            f"{shown}: no delimiter gives its rows one number of values (tried: comma, semicolon, tab, |); "
            "name it: --delimiter ';'. Texts without labels are not enough to begin with."
        )
    found, sign = fitting[0]
    rows = _rows(text, sign, quotes=found)
    if format_ == "csv" and sign == "\t" and not ENDINGS.get(path.suffix.lower()):
        layout = replace(layout, format="tsv")
    quotes = quotes if layout.format == "tsv" else found  # a tsv's are looked at whenever it is read
    layout = replace(layout, delimiter=sign, quotes=quotes)
    if columns:
        return _named(path, layout, tuple(columns), rows)
    if header is None:
        header = _has_header(rows, shown)
    if header:
        named = tuple(name.strip() for name in rows[0] if name.strip())  # an index may have no name
        return Found(path, layout, named, header=True)
    made = tuple(f"column{number}" for number in range(1, len(rows[0]) + 1))
    return Found(path, replace(layout, columns=made), made, header=False)


def format_or_none(path: Path) -> Format | None:
    """The format by a file's ending, if it names one."""
    try:
        return format_of(path, str(path))
    except BadRequest:
        return None


def encoding_of(path: Path) -> str:
    """utf-8, the encoding that a byte order mark names, or the likeliest by its bytes."""
    decoder, around = codecs.getincrementaldecoder("utf-8")(), b""
    with _bytes(path) as read:
        piece = read(PIECE)
        for mark, name in MARKS.items():
            if piece.startswith(mark):
                return name
        try:
            while piece:
                around = piece
                decoder.decode(piece)
                piece = read(PIECE)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _likeliest(around, str(path))
    return "utf-8"


@contextmanager
def _bytes(path: Path) -> Iterator[Callable[[int], bytes]]:
    """A function that reads the next bytes, decompressed; BadRequest for what is no text."""
    with text_of(path, "latin-1", None, shown=str(path)) as stream:  # a character a byte
        yield lambda size: stream.read(size).encode("latin-1")


def _likeliest(some: bytes, shown: str) -> str:
    """An encoding by the frequencies of letters (charset-normalizer)."""
    from charset_normalizer import from_bytes

    usual = [name for name in USUAL if not name.startswith("utf")]
    best = from_bytes(some[: 4 * SAMPLE], cp_isolation=usual).best()
    if best is None:
        raise BadRequest(f"{shown}: not utf-8, and no usual encoding fits; name it: --encoding cp1252.")
    try:  # several say the same of few letters; then the usual one
        if some.decode("cp1252") == str(best):
            return "cp1252"
    except UnicodeDecodeError:
        pass
    return str(best.encoding)


def _no_ending(path: Path) -> Format:
    bare = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    if bare.suffix.lower().lstrip(".") not in BARE:
        format_of(path, str(path))  # says what is wrong with it
        raise BadRequest(
            f"{path}: its ending names no format that is read here: csv, tsv, jsonl, json, parquet."
        )
    return "csv"


def _start(path: Path, encoding: str) -> str:
    """The text of the first whole lines, without Excel's `sep=` line."""
    with _bytes(path) as read:
        content, more = read(SAMPLE), read(1)
    text = codecs.getincrementaldecoder(encoding if encoding != "utf-8" else "utf-8-sig")("replace").decode(
        content
    )
    if more:
        text = text[: text.rfind("\n") + 1] or text
    first, end, rest = text.partition("\n")
    return rest if SEP.fullmatch(first + end) else text


def _rows(text: str, delimiter: str, *, quotes: Quotes) -> list[list[str]]:
    """Values of each row that is not blank, without one that the sample cuts off; none if they aren't csv."""
    csv.field_size_limit(LONGEST)
    quoted: dict[str, Any] = {"strict": True, "skipinitialspace": True}
    dialect = {"quoting": csv.QUOTE_NONE} if quotes == "off" else quoted
    found: list[list[str]] = []
    try:
        for values in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **dialect):
            found += [values] if any(map(str.strip, values)) else []
    except csv.Error as error:
        return found if "end of data" in str(error) else []
    return found[:-1] if len(found) > RECORDS else found


def _delimiter(text: str, usual: str, *, quotes: Quotes) -> str:
    """The sign that gives the rows one width; of several the format's own, then that of most values.

    Empty if none does.
    """
    said = {sign: _consistent(_rows(text, sign, quotes=quotes)) for sign in DELIMITERS}
    fitting = {sign: one for sign, one in said.items() if one[0] >= FITS and one[1] > 1}
    if not fitting:
        return ""
    best = max(share for share, _ in fitting.values())
    near = {sign: width for sign, (share, width) in fitting.items() if share >= best - 0.02}
    if usual in near and usual != ",":  # texts hold commas
        return usual
    return max(near, key=lambda sign: (near[sign], sign != ","))


def _consistent(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Share of the rows of the most frequent width, and the width; 0 where the first row has another."""
    if not rows:
        return 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return count / len(rows) if len(rows[0]) == width else 0.0, width


def _named(path: Path, layout: Layout, columns: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Found:
    width = _consistent(rows)[1]
    if len(columns) != width:
        raise BadRequest(f"{path}: its rows have {width} values, and --columns names {len(columns)}.")
    return Found(path, replace(layout, columns=columns), columns, header=False)


def _has_header(rows: Sequence[Sequence[str]], shown: str) -> bool:
    """Whether the first row names the columns, by what it has in common with the columns below it."""
    width = _consistent(rows)[1]
    first, rest = [value.strip() for value in rows[0]], [row for row in rows[1:] if len(row) == width]
    named = {at: name for at, name in enumerate(first) if name}
    if len(first) != width or len(set(named.values())) < len(named):
        return False
    votes = sum(_vote(name, [row[at].strip() for row in rest]) for at, name in named.items())
    if votes == 0:
        raise BadRequest(
            f"{shown}: it can't be told whether the first row names the columns ({', '.join(first)[:80]}); "
            "say so with --header, or name them with --columns."
        )
    return votes > 0


def _vote(name: str, below: Sequence[str]) -> int:
    """Positive for a value like the name of the column below it, negative for one like its values, or 0."""
    filled = [value for value in below if value]
    if NUMBER.fullmatch(name):
        return -2
    if len(name.split()) > 4:
        return -1
    if not filled:
        return 0
    if all(NUMBER.fullmatch(value) for value in filled[:RECORDS]):
        return 2
    if name in filled:
        return -1
    few = len(set(filled)) <= len(filled) / 2
    lengths = sorted(len(value) for value in filled)
    return 1 if few or len(name) < lengths[len(lengths) // 20] else 0


def _json(path: Path, layout: Layout) -> Found:
    """JSON: one object a line, a list of them, or an object with one entry that is such a list."""
    if layout.format == "json":
        layout = replace(layout, key=_key(path, layout))
    columns = columns_of(path, layout, shown=str(path))
    if not columns:
        raise BadRequest(f"{path}: holds no JSON objects whose keys are the columns.")
    return Found(path, layout, columns, header=True)


def _key(path: Path, layout: Layout) -> str:
    """The entry of a JSON object that holds its rows; empty for a list."""
    with text_of(path, layout.encoding, None, shown=str(path)) as stream:
        content = stream.read()
    try:
        value = json.loads(content.removeprefix(MARK))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{path}: not JSON ({error}).") from None
    if not isinstance(value, dict):
        return ""
    keys = [key for key, some in value.items() if isinstance(some, list) and some]
    if len(keys) != 1:
        raise BadRequest(
            f"{path}: a JSON object of which no single entry is a list of rows; save the rows alone."
        )
    return str(keys[0])
