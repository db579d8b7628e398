"""The wanted columns of a table, found by name, and the values of one row."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean

Wanted = Mapping[str, str]
"""Option -> the column it names."""

Values = tuple[int, Sequence[Any] | None]
"""Line (or record) number, and the wanted values; None for a row with a wrong number of values."""


def positions(columns: Sequence[str], wanted: Wanted, shown: str) -> list[int]:
    """The wanted columns' positions; BadRequest for one that is missing or there twice."""
    for option, name in wanted.items():
        if columns.count(name) > 1:
            raise BadRequest(
                f"{shown}: {columns.count(name)} columns are called '{name}'; rename all but one."
            )
        if name not in columns:
            raise no_column(columns, option, name, shown)
    return [columns.index(name) for name in wanted.values()]


def no_column(columns: Sequence[str], option: str, name: str, shown: str) -> BadRequest:
    """The error about a missing column."""
    if any("\0" in column for column in columns):
        return BadRequest(f"{shown}: its header holds NUL bytes; it may be UTF-16: set encoding to utf-16.")
    there = ", ".join(repr(str(column))[1:-1] for column in columns)
    hint = did_you_mean(name, columns)
    hint = f" {hint}" if hint.startswith("Did") else ""
    return BadRequest(
        f"{shown}: no column '{name}' (there are: {there}).{hint} Set {option} to the {option} column, "
        "or columns when the file has no header line."
    )
