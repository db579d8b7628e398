"""The wanted columns of a table, found by name, and the values of one row."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean, listed
from slmworks_text.labels import cleaned

DELIMITERS = ";|\t,"
"""Signs that may stand between values."""

Wanted = Sequence[tuple[str, str]]
"""Pairs of an option and a column it names; an option of several columns has a pair for each."""


@dataclass(frozen=True)
class Ragged:
    """A row with a wrong number of values."""

    found: int
    expected: int
    hint: str = ""
    """Cause or way out, where one can be seen."""

    def __str__(self) -> str:
        """`3 values, not 2 (…)`."""
        noun = "value" if self.found == 1 else "values"
        return f"{self.found} {noun}, not {self.expected}" + (f" ({self.hint})" if self.hint else "")


Values = tuple[int, Sequence[Any] | Ragged]
"""Line (or record) number, and the wanted values."""


ABSENT = -1
"""Position of an optional column that a file lacks."""


def positions(
    columns: Sequence[str], wanted: Wanted, shown: str, optional: Collection[str] = ()
) -> list[int]:
    """The wanted columns' positions; BadRequest for one that is missing or there twice.

    `optional` ones may be missing, but not all that are wanted.
    """
    found = [column_of(name, columns) for _, name in wanted]
    for (option, name), column in zip(wanted, found, strict=True):
        if columns.count(column) > 1:
            raise BadRequest(
                f"{shown}: {columns.count(name)} columns are called '{name}'; rename all but one."
            )
        if column not in columns and name not in optional:
            raise no_column(columns, option, name, shown)
    if wanted and not set(found) & set(columns):
        raise none_of(columns, wanted, shown)
    return [columns.index(column) if column in columns else ABSENT for column in found]


def picked(values: Sequence[Any], spot: Sequence[int]) -> list[Any]:
    """The values at these positions; None for an absent one."""
    return [None if i == ABSENT else values[i] for i in spot]


def none_of(columns: Sequence[str], wanted: Wanted, shown: str) -> BadRequest:
    """The error about a file without any of the wanted columns."""
    names = ", ".join(dict.fromkeys(name for _, name in wanted))
    return BadRequest(
        f"{shown}: none of the columns {names} (there are: {listed(columns)}); name those that it has with "
        "fields, or columns when the file has no header line."
    )


def column_of(name: str, columns: Iterable[str]) -> str:
    """The column of this name, or the only one that is written in other signs and looks the same."""
    if name in columns:
        return name
    alike = [column for column in columns if "\0" not in column and cleaned(column) == cleaned(name)]
    return alike[0] if len(alike) == 1 else name


def no_column(columns: Sequence[str], option: str, name: str, shown: str) -> BadRequest:
    """The error about a missing column."""
    if any("\0" in column for column in columns):
        return BadRequest(f"{shown}: its header holds NUL bytes; it may be UTF-16: set encoding to utf-16.")
    head = f"{shown}: no column '{name}' (there are: {listed(columns)})."
    if sign := _delimiter_of(columns, name):
        return BadRequest(f"{head} It seems to be delimited by another sign; set delimiter: {sign}.")
    hint = did_you_mean(name, columns)
    hint = f" {hint}" if hint.startswith("Did") else ""
    return BadRequest(
        f"{head}{hint} Set {option} to the {option} column, or columns when the file has no header line."
    )


def _delimiter_of(columns: Sequence[str], name: str) -> str:
    """The sign at which a header falls into columns with this name, or into more than one; as YAML."""
    for sign in DELIMITERS:
        if any(
            name in (part.strip(' "') for part in column.split(sign)) for column in columns if sign in column
        ):
            return json.dumps(sign)
    return other_delimiter(columns[0]) if len(columns) == 1 else ""


def other_delimiter(value: str) -> str:
    """The sign that seems to delimit values within one value, as YAML; empty if there is none."""
    found = max(DELIMITERS, key=value.count)
    return json.dumps(found) if found in value else ""
