"""The splits of texts with marks as Parquet, and their part of `card.json`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slmworks_text.annotated.marks import Annotated, stored
from slmworks_text.checks import Counts, by_source
from slmworks_text.data_card import TextLengths, counted
from slmworks_text.row_groups import LONG_ROW_GROUP, RowGroups
from slmworks_text.rows import Tally

Columns = Mapping[str, tuple[Any, Callable[[Annotated], Any]]]
"""Column -> its Arrow type, and its value for a row; between `id` and `source`."""


class MarkSplit:
    """One `<split>.parquet`: id, what the model task has, source; and the lengths of its texts."""

    def __init__(self, path: Path, columns: Columns, sources: Any) -> None:
        """Open the file; `sources` is an Arrow array with the source of each stratum."""
        import pyarrow as pa

        kinds = [(name, kind) for name, (kind, _) in columns.items()]
        schema = pa.schema([("id", pa.string()), *kinds, ("source", pa.string())])
        self.file = RowGroups(path, schema, LONG_ROW_GROUP)
        self.columns, self.sources = columns, sources
        self.text, self.question, self.marked = TextLengths(), TextLengths(), TextLengths()
        self.labels: Counter[str] = Counter()
        self.unmarked = 0
        """Rows that somebody has looked at and found nothing to mark."""

    def extend(self, table: Any) -> None:
        """Add rows of id, text, target and stratum."""
        import pyarrow as pa

        rows = [
            stored(text, target)
            for text, target in zip(
                *(table.column(name).to_pylist() for name in ("text", "target")), strict=True
            )
        ]
        for row in rows:
            marks = row.marks or ()
            self.unmarked += row.marks == ()
            self.labels.update(mark.label for mark in marks)
            self.marked.update([row.text[mark.start : mark.end] for mark in marks])
        self.text.update([row.text for row in rows])
        self.question.update([row.question for row in rows if row.question])
        values = [pa.array([of(row) for row in rows], kind) for kind, of in self.columns.values()]
        self.file.extend([table.column("id"), *values, self.sources.take(table.column("stratum"))])

    def close(self) -> None:
        """Write the rows that are left."""
        self.file.close()

    def described(self, counts: Counts) -> dict[str, Any]:
        """Rows, sources, lengths, and marks by label."""
        sources = by_source(counts)
        found: dict[str, Any] = {"rows": sources.total(), "sources": dict(sources), **self.text.described()}
        for name, lengths in (("question", self.question), ("marked", self.marked)):
            if lengths.characters.counts:
                found[name] = lengths.described()
        if labels := {label: count for label, count in self.labels.items() if label}:
            found["labels"] = labels
        return found


def describe_marks(
    splits: Mapping[str, MarkSplit],
    counts: Mapping[str, Counts],
    tally: Tally,
    *,
    rows_in: int,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Rows in and out with the reason for each that is missing, and statistics a split."""
    card = counted(splits, counts, tally, rows_in) | {
        "splits": {split: file.described(counts[split]) for split, file in splits.items()},
    }
    return card | {"labels": list(labels)} if labels else card
