"""`expression`: a filter in DuckDB's SQL over the columns of a row.

It sees the row and nothing else: no file, no table, no clock, no chance.
"""

import contextlib
import difflib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

from pydantic import field_validator

from slmworks.contract.errors import first_line
from slmworks.curate.operator import Dropped, Result, RowOperator, TextRow
from slmworks_text.operators.sql_functions import FUNCTIONS, KEYWORDS

COLUMNS = ("text", "label", "source", "split", "texts", "roles")
ONE_ROW = "an expression sees one row"
REFUSED = {
    "SUBQUERY": "a query within it",
    "WINDOW": "a window over rows",
    "STAR": "a *",
    "PARAMETER": "a parameter",
}


class Expression(RowOperator):
    """Keep rows for which an expression in DuckDB's SQL is true: `length(text) > 20 and label <> 'other'`.

    Columns: `text` (all texts, a line end between them), `label` and `source` (null for none), `split` (the
    one that its input is for; `train` is also the pool), and the lists `texts` and `roles`. What is null, as
    any comparison with null, is not true. Functions are DuckDB's of texts, numbers, dates, lists and JSON;
    times are in UTC.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("duckdb",)

    keep: str
    """The expression."""

    @field_validator("keep")
    @classmethod
    def _is_an_expression(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("an empty expression")
        with contextlib.suppress(ImportError):  # a scheduler that only plans has no duckdb; the task has
            check(value)
        return value

    def apply(self, row: TextRow) -> Result:
        """Dropped where it isn't true."""
        return self.apply_all([row])[0]

    def apply_all(self, rows: Sequence[TextRow]) -> Sequence[Result]:
        """One query for all rows."""
        import pyarrow as pa

        columns = {
            "text": pa.array([row.text for row in rows], pa.string()),
            "label": pa.array([row.label or None for row in rows], pa.string()),
            "source": pa.array([row.source or None for row in rows], pa.string()),
            "split": pa.array([row.split for row in rows], pa.string()),
            "texts": pa.array([row.texts for row in rows], pa.list_(pa.string())),
            "roles": pa.array([row.roles for row in rows], pa.list_(pa.string())),
        }
        reason = Dropped(f"not true: {' '.join(self.keep.split()):.60}")
        return [None if true else reason for true in _true(self.keep, pa.table(columns))]


def check(expression: str) -> None:
    """ValueError for what is no expression over the columns, or for one that depends on more than the row."""
    import duckdb

    database = _database(os.getpid())
    try:
        said = database.execute("select json_serialize_sql(?)", [f"select ({expression}\n)"]).fetchall()[0][0]
        tree = json.loads(said)
        if tree["error"]:
            raise ValueError(f"no SQL: {tree['error_message']}")
        select = tree["statements"][0]["node"]
        if (
            len(tree["statements"]) > 1
            or len(select["select_list"]) != 1
            or select.get("from_table", {}).get("type") != "EMPTY"
        ):
            raise ValueError("one expression is wanted, not a query")
        for problem in _problems(select["select_list"][0]):
            raise ValueError(problem)
        database.execute(
            f"select ({expression}\n)::boolean from (select ''::varchar as text, '' as label, '' as source, "  # noqa: S608 (the expression is what runs, within the sandbox)
            "'' as split, ['']::varchar[] as texts, ['']::varchar[] as roles) where false"
        ).fetchall()
    except duckdb.Error as error:
        raise ValueError(_said(error)) from None


def _problems(tree: Any) -> Iterator[str]:
    """What an expression has that depends on more than its row."""
    if isinstance(tree, list):
        for inner in tree:
            yield from _problems(inner)
    elif isinstance(tree, dict):
        if (kind := tree.get("class")) in REFUSED:
            yield f"{REFUSED[kind]} is not allowed; {ONE_ROW}"
        if kind == "FUNCTION" and (name := str(tree.get("function_name")).lower()) not in FUNCTIONS:
            near = difflib.get_close_matches(name, FUNCTIONS, n=1, cutoff=0.8)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            yield f"the function '{name}' is not allowed{hint}; {ONE_ROW}, and no clock or chance"
        if kind == "COLUMN_REF" and (name := ".".join(tree["column_names"]).lower()) in KEYWORDS:
            yield f"{name} is not allowed; {ONE_ROW}, and no clock or chance"
        for inner in tree.values():
            yield from _problems(inner)


def _true(expression: str, table: Any) -> list[bool]:
    import duckdb

    try:
        found = (
            _database(os.getpid())
            .from_arrow(table)
            .select(duckdb.SQLExpression(expression).cast("BOOLEAN"))
            .fetchall()
        )
    except duckdb.Error as error:
        raise ValueError(_said(error)) from None
    if len(found) != table.num_rows:
        raise ValueError(f"it has {len(found)} values for {table.num_rows} rows; one a row is wanted")
    return [value is True for (value,) in found]


def _said(error: Exception) -> str:
    """What DuckDB says, on one line."""
    head, _, rest = first_line(error).partition(": ")
    said = (rest if head.endswith("Error") and rest else first_line(error)).rstrip("!.")
    return f"{said}; try_cast(… as …) gives null instead" if said.startswith("Could not convert") else said


@cache
def _database(_process: int) -> Any:
    """A database in memory that may touch no file, load no extension and change no setting.

    One a process: a forked one cannot use that of its parent.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "1",
    }
    found = duckdb.connect(":memory:", config=config)
    found.execute("set timezone = 'UTC'")
    found.execute("set lock_configuration = true")
    return found
