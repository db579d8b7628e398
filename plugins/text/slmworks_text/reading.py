"""From the files of one input to rows: columns found by name, ratings binned, nothing repaired yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.bins import Bins, rating_of
from slmworks_text.formats import Layout, read_rows
from slmworks_text.rows import Row, Tally
from slmworks_text.schema import Schema
from slmworks_text.streams import Meter
from slmworks_text.values import Values


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Columns, layout and labels of the files of one input."""

    layout: Layout
    schema: Schema
    place: int
    """The split that the input is for, or the pool: an index into `PLACES`."""
    text: str
    """Column of the model task's input."""
    label: str | None
    """Column of the target; None: the input is unlabelled."""
    group: str | None = None
    group_prefix: str | None = None
    source: str | None = None
    bins: Bins | None = None
    wanted: frozenset[str] = field(default_factory=frozenset)
    """Labels to keep; empty: all."""

    @property
    def columns(self) -> dict[str, str]:
        """Option -> column, for those that are set."""
        named = {"text": self.text, "label": self.label, "group": self.group, "source": self.source}
        return {option: name for option, name in named.items() if name is not None}


def read_input(name: str, folder: Path, reading: Reading, tally: Tally, meter: Meter) -> Iterator[Row]:
    """All usable rows of an input, file by file in the order of their names."""
    for path in paths_of(folder):
        shown = f"{name}/{path.relative_to(folder).as_posix()}"
        found = read_rows(path, reading.layout, reading.columns, meter, shown=shown)
        yield from _rows(name, shown, found, reading, tally)
        meter.next_file(path.stat().st_size)


def _rows(name: str, shown: str, found: Iterator[Values], reading: Reading, tally: Tally) -> Iterator[Row]:
    options = tuple(reading.columns)
    spot = {option: options.index(option) for option in options}
    label, group, source = (spot.get(option) for option in ("label", "group", "source"))
    for position, (line, values) in enumerate(found):
        if values is None:
            tally.dropped["wrong number of columns"] += 1
            continue
        for option, value in zip(options, values, strict=True):
            if type(value) is not str:
                _refuse_nested(value, option, f"{shown}:{line}")
        target = "" if label is None else _target(values[label], reading, f"{shown}:{line}", tally)
        if label is not None and not target:
            continue
        yield Row(
            text=_cell(values[0]),
            target=target,
            source=name if source is None else _cell(values[source]) or name,
            origin=f"{shown}#{position}",
            place=reading.place,
            group="" if group is None else _group(values[group], name, reading),
        )


def _refuse_nested(value: Any, option: str, place: str) -> None:
    if isinstance(value, (dict, list, bytes)):
        kind = {dict: "an object", list: "a list", bytes: "bytes"}[type(value)]
        raise BadRequest(f"{place}: the {option} is {kind}, not text; set {option} to a column of strings.")


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _group(value: Any, name: str, reading: Reading) -> str:
    """The group of a row within its input; empty for a blank cell."""
    text = _cell(value).strip()
    if reading.group_prefix:
        text = text.partition(reading.group_prefix)[0]
    return f"{name}\0{text}" if text else ""


def _target(value: Any, reading: Reading, place: str, tally: Tally) -> str:
    """The target in a cell; empty when the row is dropped (and counted)."""
    text = _cell(value)
    if not text or text.isspace():
        tally.dropped[f"no {reading.schema.target}"] += 1
        return ""
    return _label(value, text.strip(), reading, place, tally) if reading.schema.classes else text


def _label(value: Any, text: str, reading: Reading, place: str, tally: Tally) -> str:
    """The class that a cell means; empty when the row is dropped (and counted)."""
    if reading.bins is not None:
        try:
            found = reading.bins.label(rating_of(value))
        except ValueError:
            raise BadRequest(
                f"{place}: the rating '{text[:40]}' is not a number; leave out bins or name its column."
            ) from None
        if found is None:
            tally.dropped["rating outside the bins"] += 1
            return ""
        text = found
    if reading.wanted and text not in reading.wanted:
        tally.dropped["label not listed"] += 1
        return ""
    return text


def paths_of(folder: Path) -> Sequence[Path]:
    """The files of an input, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
