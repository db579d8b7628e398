"""From the files of one input to rows: columns found by name, ratings binned, nothing repaired yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.errors import BadRequest, did_you_mean
from slmworks_text.bins import Bins, rating_of
from slmworks_text.formats import Layout, Table, read_table
from slmworks_text.rows import Row, Tally


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the files of one input are to be read."""

    layout: Layout
    pool: str
    """The split that the input is for, or `pool`."""
    text: str = "text"
    label: str | None = "label"
    """None: the input is unlabelled."""
    group: str | None = None
    group_prefix: str | None = None
    source: str | None = None
    bins: Bins | None = None
    wanted: frozenset[str] = field(default_factory=frozenset)
    """Labels to keep; empty: all."""


def read_input(name: str, folder: Path, reading: Reading, tally: Tally) -> list[Row]:
    """All usable rows of an input, file by file in the order of their names."""
    rows: list[Row] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        relative = path.relative_to(folder).as_posix()
        shown = f"{name}/{relative}"
        table = read_table(path, reading.layout, shown=shown)
        rows.extend(_rows(name, shown, table, reading, tally))
    return rows


def _rows(name: str, shown: str, table: Table, reading: Reading, tally: Tally) -> list[Row]:
    records = list(table.rows)
    if not records:
        return []
    text = _column(table, "text", reading.text, shown)
    label = None if reading.label is None else _column(table, "label", reading.label, shown)
    group = None if reading.group is None else _column(table, "group", reading.group, shown)
    source = None if reading.source is None else _column(table, "source", reading.source, shown)
    width, rows = len(table.columns), []
    for position, (line, values) in enumerate(records):
        if len(values) != width:
            tally.dropped["wrong number of columns"] += 1
            continue
        found = None if label is None else _label(values[label], reading, f"{shown}:{line}", tally)
        if label is not None and found is None:
            continue
        rows.append(
            Row(
                text=_cell(values[text]),
                label=found,
                source=name if source is None else _cell(values[source]) or name,
                origin=f"{shown}#{position}",
                pool=reading.pool,
                group="" if group is None else f"{name}\0{_group(values[group], reading)}",
            )
        )
    return rows


def _column(table: Table, option: str, name: str, shown: str) -> int:
    if name in table.columns:
        return table.columns.index(name)
    there = ", ".join(str(column) for column in table.columns)
    hint = did_you_mean(name, table.columns)
    hint = f" {hint}" if hint.startswith("Did") else ""
    raise BadRequest(
        f"{shown}: no column '{name}' (there are: {there}).{hint} Set {option} to the {option} column, "
        "or columns when the file has no header line."
    )


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _group(value: Any, reading: Reading) -> str:
    text = _cell(value).strip()
    return text.partition(reading.group_prefix)[0] if reading.group_prefix else text


def _label(value: Any, reading: Reading, place: str, tally: Tally) -> str | None:
    """The label that a cell means, or None when the row is dropped (and counted)."""
    text = _cell(value).strip()
    if not text:
        tally.dropped["no label"] += 1
        return None
    if reading.bins is not None:
        try:
            found = reading.bins.label(rating_of(value))
        except ValueError:
            raise BadRequest(
                f"{place}: the rating '{text[:40]}' is not a number; leave out bins or name its column."
            ) from None
        if found is None:
            tally.dropped["rating outside the bins"] += 1
            return None
        text = found
    if reading.wanted and text not in reading.wanted:
        tally.dropped["label not listed"] += 1
        return None
    return text


def files_of(folder: Path) -> Sequence[str]:
    """The files of an input, relative to its folder, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
