"""`card.json`: what a data set is made of, in numbers; and the Parquet files beside it."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slmworks_text.checks import Counts, by_label
from slmworks_text.ledger import Ledger
from slmworks_text.lengths import Lengths
from slmworks_text.rows import PLACES, Tally
from slmworks_text.rows_on_disk import Shelf

ROW_GROUP = 100_000


class Split:
    """One `<split>.parquet`: id, text, label, source; and the lengths of its texts."""

    def __init__(self, path: Path, strata: Sequence[tuple[str, str]], *, unlabelled: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.labels = pa.array([None if unlabelled else label for label, _ in strata], pa.string())
        self.sources = pa.array([source for _, source in strata], pa.string())
        names = ("id", "text", "label", "source")
        self.schema = pa.schema([(name, pa.string()) for name in names])
        self.writer = pq.ParquetWriter(path, self.schema, compression="zstd")
        self.waiting: list[Any] = []
        self.rows = 0
        self.characters = Lengths()
        self.words = Lengths()

    def extend(self, table: Any) -> None:
        """Add rows of id, text and stratum."""
        import pyarrow as pa

        texts = table.column("text").to_pylist()
        self.characters.update(map(len, texts))
        self.words.update(len(text.split()) for text in texts)
        stratum = table.column("stratum")
        columns = [
            table.column("id"),
            table.column("text").cast(pa.string()),
            self.labels.take(stratum),
            self.sources.take(stratum),
        ]
        self.waiting.append(pa.Table.from_arrays(columns, schema=self.schema))
        self.rows += len(table)
        while self.rows >= ROW_GROUP:
            self._write(ROW_GROUP)

    def close(self) -> None:
        """Write what is left."""
        if self.rows:
            self._write(self.rows)
        self.writer.close()

    def _write(self, count: int) -> None:
        """Write one row group; it begins a new array, as if all rows had been written at once."""
        import pyarrow as pa

        table = pa.concat_tables(self.waiting)
        self.writer.write_table(table.slice(0, count).combine_chunks(), row_group_size=ROW_GROUP)
        self.waiting = [table.slice(count)]
        self.rows -= count


def write_splits(
    folder: Path, shelf: Shelf, ledger: Ledger, counts: Mapping[str, Counts]
) -> dict[str, Split]:
    """One file for each split that has rows; rows sorted by id."""
    import numpy as np
    import pyarrow as pa

    strata = ledger.strata
    splits = {
        split: Split(folder / f"{split}.parquet", strata, unlabelled=split == "transfer")
        for split in PLACES
        if counts[split]
    }
    done = 0
    for batch in shelf.batches("id", "text", "stratum"):
        here = slice(done, done := done + len(batch))
        for split, file in splits.items():
            rows = np.flatnonzero(ledger.kept[here] & (ledger.place[here] == PLACES.index(split)))
            if len(rows):
                file.extend(batch.take(pa.array(rows)))
    for file in splits.values():
        file.close()
    return splits


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """The card as JSON with sorted keys: the same numbers are the same bytes."""
    text = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / "card.json").write_text(text, encoding="utf-8")


def describe(
    splits: Mapping[str, Split],
    counts: Mapping[str, Counts],
    tally: Tally,
    *,
    rows_in: int,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Rows in and out with the reason for each that is missing, and statistics a split."""
    return {
        "labels": list(labels),
        "rows": {"in": rows_in, "out": sum(sum(counts[split].values()) for split in splits)},
        "dropped": dict(tally.dropped),
        "changed": dict(tally.changed),
        "personal_data": dict(tally.personal),
        "splits": {
            split: _split(file, counts[split], unlabelled=split == "transfer")
            for split, file in splits.items()
        },
    }


def _split(file: Split, counts: Counts, *, unlabelled: bool) -> dict[str, Any]:
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for (label, source), count in counts.items():
        by_source[source][label] += count
    found: dict[str, Any] = {
        "rows": sum(counts.values()),
        "sources": {source: labels.total() for source, labels in by_source.items()},
        "characters": file.characters.summary(),
        "lengths": file.characters.distribution("characters"),
        "words": file.words.summary(),
    }
    if unlabelled:
        return found
    by_label_in = {source: dict(labels) for source, labels in by_source.items()}
    return found | {"labels": dict(by_label(counts)), "labels_by_source": by_label_in}
