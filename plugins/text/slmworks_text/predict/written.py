"""Rows with answers beside them as csv, tsv, jsonl or parquet; the file is there once it is whole."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from slmworks.contract.errors import BadRequest

PART = ".part"
"""Ending of the file while it is written."""


class Written(ABC):
    """A file that rows are added to. As a context: it gets its name at the end, and goes after an error."""

    def __init__(self, path: Path) -> None:
        """Write beside `path` until the end."""
        self.path = path
        self.part = path.with_name(path.name + PART)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            self.close()
            if kind is None:
                self.part.replace(self.path)
        finally:
            self.part.unlink(missing_ok=True)

    @abstractmethod
    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, all of which have the same keys."""

    @abstractmethod
    def close(self) -> None:
        """Write what is held back."""


class Separated(Written):
    """csv, or tsv; lists and objects are written as JSON, what isn't there as nothing."""

    delimiter: ClassVar[str] = ","

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        super().__init__(path)
        self._file = self.part.open("w", encoding="utf-8", newline="")
        self._rows: Any = csv.writer(self._file, delimiter=self.delimiter, lineterminator="\n")
        self._begun = False

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Header first."""
        if not self._begun and rows:
            self._rows.writerow(rows[0])
            self._begun = True
        self._rows.writerows([_cell(value) for value in row.values()] for row in rows)

    def close(self) -> None:
        """Write what is held back."""
        self._file.close()


class TabSeparated(Separated):
    """tsv."""

    delimiter: ClassVar[str] = "\t"


class JsonLines(Written):
    """One object a line."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        super().__init__(path)
        self._file = self.part.open("w", encoding="utf-8", newline="\n")

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write each as it is."""
        self._file.writelines(json.dumps(dict(row), ensure_ascii=False, default=str) + "\n" for row in rows)

    def close(self) -> None:
        """Write what is held back."""
        self._file.close()


class Parquet(Written):
    """Types of columns follow from the first rows."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened before the first row."""
        super().__init__(path)
        self._writer: Any = None

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row group; BadRequest for a value of another type than those before it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        held = [dict(row) for row in rows]
        try:
            if self._writer is None:
                table = pa.Table.from_pylist(held)
                self._writer = pq.ParquetWriter(self.part, _whole(table.schema))
            self._writer.write_table(pa.Table.from_pylist(held, schema=self._writer.schema))
        except pa.ArrowException as error:
            problem = str(error).splitlines()[0]
            raise BadRequest(
                f"{self.path}: not all rows have the same types ({problem}); write jsonl."
            ) from None

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


KINDS: dict[str, type[Written]] = {
    ".csv": Separated, ".tsv": TabSeparated, ".jsonl": JsonLines, ".ndjson": JsonLines, ".parquet": Parquet,
}  # fmt: skip


def kind_of(path: Path) -> type[Written]:
    """What writes a file of this ending; BadRequest for another one."""
    if path.suffix.lower() not in KINDS:
        raise BadRequest(f"{path}: written are {', '.join(KINDS)}.")
    return KINDS[path.suffix.lower()]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _whole(schema: Any) -> Any:
    """The schema with text in columns that had no value yet."""
    import pyarrow as pa

    fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema]
    return pa.schema(fields)
