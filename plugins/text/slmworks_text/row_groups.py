"""One Parquet file, written in row groups of equal size however its rows come."""

from pathlib import Path
from typing import Any

from slmworks_text.memory import give_back

ROW_GROUP = 50_000
"""Rows in a row group, all of which are in memory until it is written."""
LONG_ROW_GROUP = 2_000
"""The same where the target is a text too."""


class RowGroups:
    """A Parquet file; a full row group is written at once, the rest by `close`."""

    def __init__(self, path: Path, schema: Any, row_group: int) -> None:
        """Open the file; `schema` is Arrow's."""
        import pyarrow.parquet as pq

        self.schema = schema
        self.row_group = row_group
        self.writer = pq.ParquetWriter(path, schema, compression="zstd")
        self.waiting: list[Any] = []
        self.rows = 0

    def extend(self, columns: list[Any]) -> None:
        """Add rows: arrays in the order of the schema."""
        import pyarrow as pa

        self.waiting.append(pa.Table.from_arrays(columns, schema=self.schema))
        self.rows += len(self.waiting[-1])
        while self.rows >= self.row_group:
            self._write(self.row_group)

    def close(self) -> None:
        """Write the rows that are left."""
        if self.rows:
            self._write(self.rows)
        self.writer.close()

    def _write(self, count: int) -> None:
        """Write one row group; it begins a new array, as if all rows had been written at once."""
        import pyarrow as pa

        table = pa.concat_tables(self.waiting)
        whole, self.waiting = table.slice(0, count).combine_chunks(), [table.slice(count).combine_chunks()]
        del table  # the rows are in memory once while they are written
        self.writer.write_table(whole, row_group_size=self.row_group)
        del whole
        self.rows -= count
        give_back()
