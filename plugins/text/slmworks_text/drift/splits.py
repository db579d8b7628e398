"""The files of a data set that are compared, and their rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.rows import LABELLED

BATCH = 4096


def splits_in(folder: Path, name: str) -> dict[str, Path]:
    """Split -> file, of the splits that are compared; BadRequest for two files of one split.

    `name`: what the data set is called in messages.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.parquet")):
        if path.stem in found:
            both = " and ".join(str(one.relative_to(folder)) for one in (found[path.stem], path))
            raise BadRequest(f"{name}: has two files of the split {path.stem}, {both}; give one data set.")
        if path.stem in LABELLED:
            found[path.stem] = path
    return found


def rows_of(files: Mapping[str, Path], name: str) -> int:
    """Rows of all files. BadRequest for what is no Parquet file, or where there is no row."""
    rows = 0
    for split, path in files.items():
        with _opened(path, f"{name}/{split}.parquet") as file:
            rows += file.metadata.num_rows
    if not rows:
        raise BadRequest(f"{name}: has no row in train, validation or test.")
    return rows


def batches(path: Path, inputs: Sequence[str], target: str | None, shown: str) -> Iterator[Any]:
    """Record batches of id, inputs and target. BadRequest for columns that are missing or hold other things.

    `shown`: what the file is called in messages.
    """
    wanted = ["id", *inputs, *([target] if target else [])]
    with _opened(path, shown) as file:
        schema = file.schema_arrow
        for column in wanted:
            if column not in schema.names:
                raise BadRequest(
                    f"{shown} has no column '{column}', so it is no data set for the same model task; give "
                    "the Parquet files that a curate step wrote."
                )
            kind = schema.field(column).type
            if column != "id" and not (_is_text(kind) or (column != target and _holds_texts(kind))):
                raise BadRequest(
                    f"{shown}: its column '{column}' holds {kind}, not text; give the Parquet files that a "
                    "curate step wrote."
                )
        yield from file.iter_batches(BATCH, columns=wanted, use_threads=False)


@contextmanager
def _opened(path: Path, shown: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:  # OSError: a page is damaged, or can't be read
        raise BadRequest(f"{shown}: is no Parquet file that can be read ({error}).") from None


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind))


def _holds_texts(kind: Any) -> bool:
    """True for words, and for turns with a text as `content`."""
    from pyarrow import types

    if not (types.is_list(kind) or types.is_large_list(kind)):
        return False
    inner = kind.value_type
    if not types.is_struct(inner):
        return _is_text(inner)
    at = inner.get_field_index("content")
    return at >= 0 and _is_text(inner.field(at).type)
