"""The splits of chunks as Parquet, and their part of `card.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slmworks_text.checks import Counts, by_source
from slmworks_text.conversations import table
from slmworks_text.conversations.token_lengths import Measure, Tokens
from slmworks_text.data_card import TextLengths, counted
from slmworks_text.documents.reading import DocumentTally
from slmworks_text.ledger import Ledger
from slmworks_text.lengths import Lengths
from slmworks_text.row_groups import LONG_ROW_GROUP, RowGroups
from slmworks_text.rows import PLACES

PLACE = "place"
"""Column that says where in which document a chunk stands."""


class ChunkSplit:
    """One `<split>.parquet`: id, the model task's columns, source, place; and the lengths of its texts."""

    def __init__(self, path: Path, sources: Any, measure: Measure, *, embeds: bool) -> None:
        """Open the file; `sources` is an Arrow array with the source of each stratum."""
        import pyarrow as pa

        texts = [(name, pa.string()) for name in ("id", "text", "document", "source", PLACE)]
        self.file = (
            RowGroups(path, pa.schema(texts), LONG_ROW_GROUP) if embeds else table.opened(path, (PLACE,))
        )
        self.embeds = embeds
        self.sources = sources
        self.measure = measure
        self.text, self.tokens = TextLengths(), Lengths()

    def extend(self, given: Any) -> None:
        """Add rows of id, text, target and stratum."""
        import pyarrow as pa

        texts = given.column("text").to_pylist()
        self.text.update(texts)
        if isinstance(self.measure, Tokens):
            self.tokens.update(map(len, self.measure.spans(texts)))
        text, place = (given.column(name).cast(pa.string()) for name in ("text", "target"))
        source = self.sources.take(given.column("stratum"))
        if self.embeds:
            self.file.extend([given.column("id"), text, pa.nulls(len(texts), pa.string()), source, place])
        else:
            said = [[{"role": "prompt", "content": ""}]] * len(texts)
            messages = pa.array(said, self.file.schema.field("messages").type)
            self.file.extend([given.column("id"), messages, text, source, place])

    def close(self) -> None:
        """Write the rows that are left."""
        self.file.close()

    def described(self, counts: Counts, documents: int) -> dict[str, Any]:
        """Rows, documents, sources and lengths."""
        sources = by_source(counts)
        found = {
            "rows": sources.total(),
            "documents": documents,
            "sources": dict(sources),
            **self.text.described(),
        }
        if self.tokens.counts:
            found["tokens"] = {"all": self.tokens.distribution("tokens") | self.tokens.summary()}
        return found


def describe_chunks(
    splits: Mapping[str, ChunkSplit],
    counts: Mapping[str, Counts],
    ledger: Ledger,
    tally: DocumentTally,
    *,
    rows_in: int,
) -> dict[str, Any]:
    """Documents in, chunks in and out with the reason for each that is missing, and statistics a split."""
    return counted(splits, counts, tally, rows_in) | {
        "documents": {
            "read": dict(tally.documents),
            "pages": tally.pages,
            "unreadable": dict(tally.unreadable),
            "first": {reason: tally.first_unread(reason) for reason in tally.unreadable},
            "left_out": dict(+tally.left_out),
            "other_files": dict(tally.others),
        },
        "splits": {
            split: file.described(counts[split], _documents(ledger, split)) for split, file in splits.items()
        },
    }


def _documents(ledger: Ledger, split: str) -> int:
    import numpy as np

    return len(np.unique(ledger.group[ledger.kept & (ledger.place == PLACES.index(split))]))
