"""Parquet files as rows of values, batch by batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.layout import Layout
from slmworks_text.streams import Meter
from slmworks_text.values import ABSENT, Values, Wanted, column_of, positions

BATCH = 4096


def parquet_rows(path: Path, layout: Layout, wanted: Wanted, meter: Meter, shown: str) -> Iterator[Values]:
    """The rows with their number, from 1. BadRequest for a damaged file and for columns of no text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A buffered stream: otherwise all bytes of a row group's column are in memory at once.
        with pq.ParquetFile(path, buffer_size=1 << 20) as file:
            rows = file.metadata.num_rows
            if not rows:
                return
            columns_there = file.schema_arrow.names
            spot = positions(columns_there, wanted, shown, layout.optional)
            names = [columns_there[i] for i in spot if i != ABSENT]
            if not layout.nested:
                _refuse_other_than_text(file.schema_arrow, wanted, shown)
            done = 0
            for batch in file.iter_batches(BATCH, columns=list(dict.fromkeys(names)), use_threads=False):
                nothing = [None] * len(batch)
                columns = [nothing if i == ABSENT else _values(batch.column(columns_there[i])) for i in spot]
                yield from enumerate(zip(*columns, strict=True), done + 1)
                done += len(batch)
                meter.now = path.stat().st_size * done / rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(shown, error) from None


def parquet_columns(path: Path, shown: str) -> tuple[str, ...]:
    """The names in a file's schema; BadRequest for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(shown, error) from None


def _damaged(shown: str, error: Exception) -> BadRequest:
    problem = str(error).splitlines()[0]
    return BadRequest(f"{shown}: not a Parquet file, or a damaged one ({problem}).")


def _values(column: Any) -> list[Any]:
    """The values as Python's; a short float is the number it is written as: 0.1, not 0.10000000149011612."""
    import pyarrow as pa

    if not (pa.types.is_float16(column.type) or pa.types.is_float32(column.type)):
        return list(column.to_pylist())
    return [float(str(value)) for value in column.to_numpy(zero_copy_only=False)]


def _refuse_other_than_text(schema: Any, wanted: Wanted, shown: str) -> None:
    import pyarrow as pa

    for option, wanted_name in wanted:
        name = column_of(wanted_name, schema.names)
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        if pa.types.is_nested(kind) or binary:
            raise BadRequest(
                f"{shown}: column '{name}' holds {kind}, not text; set {option} to a column of strings."
            )
