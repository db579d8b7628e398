"""The table of curated conversations: its columns, the same whoever wrote the rows, and its file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slmworks_text.row_groups import LONG_ROW_GROUP, RowGroups


def columns_of(further: Sequence[str] = ()) -> Any:
    """Arrow's schema: id, messages, completion, source, and `further` texts (`schema`, `rejected`)."""
    import pyarrow as pa

    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    texts = [(name, pa.string()) for name in ("completion", "source", *further)]
    return pa.schema([("id", pa.string()), ("messages", messages), *texts])


def table_of(rows: Iterable[Mapping[str, Any]], further: Sequence[str] = ()) -> Any:
    """Rows as an Arrow table; what else they hold is left out."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=columns_of(further))


def opened(path: Path, further: Sequence[str] = ()) -> RowGroups:
    """A file of such rows that grows."""
    return RowGroups(path, columns_of(further), LONG_ROW_GROUP)


def write(table: Any, path: Path) -> Any:
    """Write a whole table, sorted by id; the sorted table. It may have columns of its own."""
    table = table.sort_by("id")
    file = RowGroups(path, table.schema, LONG_ROW_GROUP)
    file.extend(table.columns)
    file.close()
    return table
