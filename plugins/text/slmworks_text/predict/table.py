"""The rows of a file as questions: every column is kept, and one of them is the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean, listed
from slmworks.contract.model_task import ModelTask, only_text
from slmworks.contract.runtime import length
from slmworks_text.formats import columns_of, format_of, read_rows
from slmworks_text.layout import Format, Layout
from slmworks_text.streams import Meter
from slmworks_text.values import Ragged, column_of

ROWS = 4096
"""Rows that are in memory at a time …"""
CHARACTERS = 4_000_000
"""… or fewer, of so many characters."""

Window = list[tuple[int, dict[str, Any]]]
"""Line (or record) numbers and rows."""


@dataclass(frozen=True)
class Table:
    """A file whose rows are asked about."""

    path: Path
    layout: Layout
    columns: tuple[str, ...]
    """Every column, in the file's order."""

    @classmethod
    def open(cls, path: Path, layout: Layout) -> "Table":
        """Look at the header; BadRequest for no file, no known format, no columns."""
        if not path.is_file():
            raise BadRequest(f"{path}: no such file.")
        columns = columns_of(path, layout, shown=str(path))
        if not columns:
            raise BadRequest(f"{path}: the file is empty.")
        if twice := [name for name in dict.fromkeys(columns) if columns.count(name) > 1]:
            raise BadRequest(f"{path}: several columns are called '{twice[0]}'; rename all but one.")
        # A row of JSON may lack a column, and hold lists and objects.
        return cls(path, replace(layout, nested=True, optional=frozenset(columns)), columns)

    @property
    def format(self) -> Format:
        """Of the file: `csv`, `jsonl`, …."""
        return self.layout.format or format_of(self.path, str(self.path))

    def column(self, name: str, option: str) -> str:
        """The column of this name; BadRequest names those that are there."""
        found = column_of(name, self.columns)
        if found not in self.columns:
            raise BadRequest(
                f"{self.path}: no column '{name}' (there are: {listed(self.columns)}). "
                f"{did_you_mean(name, self.columns)} Name it: {option} COLUMN."
            )
        return found

    def windows(self, meter: Meter) -> Iterator[Window]:
        """The rows, some at a time. BadRequest for one that can't be read, with its line."""
        wanted = [("columns", name) for name in self.columns]
        window: Window = []
        held = 0
        for number, values in read_rows(
            self.path, self.layout, wanted, meter, shown=str(self.path), warn=lambda _line: None
        ):
            if isinstance(values, Ragged):
                raise BadRequest(f"{self.path}:{number}: {values}.")
            row = dict(zip(self.columns, values, strict=True))
            window.append((number, row))
            held += length(row)
            if len(window) >= ROWS or held >= CHARACTERS:
                yield window
                window, held = [], 0
        if window:
            yield window


@dataclass(frozen=True)
class Asked:
    """Where a question stands in a row."""

    text: str = ""
    """Column of a text that stands for the whole question."""
    inputs: tuple[str, ...] = ()
    """Columns of the model task's inputs, where the file has them all."""

    @classmethod
    def find(cls, table: Table, task: ModelTask, text: str | None) -> "Asked":
        """By name: the column that is named, the model task's own, or the only one."""
        if text is not None:
            return cls(text=table.column(text, "--text"))
        own = [column_of(name, table.columns) for name in task.inputs]
        if all(name in table.columns for name in own):
            return cls(text=own[0]) if only_text(task) else cls(inputs=tuple(own))
        if len(table.columns) == 1:
            return cls(text=table.columns[0])
        there = listed(table.columns)
        if only_text(task) or task.short is not None:
            raise BadRequest(f"{table.path}: which column is asked about? (there are: {there}) --text COLUMN")
        raise BadRequest(f"{table.path}: needs the columns {', '.join(task.inputs)} (there are: {there}).")

    def of(self, row: Mapping[str, Any], task: ModelTask) -> Any:
        """What a predictor's `row` is given: a text, or a mapping; None where the row asks nothing."""
        if self.text:
            value = row[self.text]
            if isinstance(value, str):
                return value if value.strip() else None
            return None if value is None else str(value)
        found = dict(zip(task.inputs, (row[name] for name in self.inputs), strict=True))
        return None if any(value is None for value in found.values()) else found
