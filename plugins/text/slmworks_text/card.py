"""`card.json`: what a data set is made of, in numbers; and the Parquet files beside it."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slmworks_text.rows import Row, Tally


def write_splits(folder: Path, splits: Mapping[str, Sequence[Row]]) -> None:
    """One `<split>.parquet` each: id, text, label, source; rows sorted by id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split, rows in splits.items():
        columns = {
            "id": [row.id for row in rows],
            "text": [row.text for row in rows],
            "label": [None if split == "transfer" else row.label for row in rows],
            "source": [row.source for row in rows],
        }
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        pq.write_table(table, folder / f"{split}.parquet", compression="zstd", row_group_size=100_000)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """The card as JSON with sorted keys: the same numbers are the same bytes."""
    text = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / "card.json").write_text(text, encoding="utf-8")


def describe(
    splits: Mapping[str, Sequence[Row]], tally: Tally, *, rows_in: int, labels: Sequence[str]
) -> dict[str, Any]:
    """Rows in and out with the reason for each that is missing, and statistics a split."""
    return {
        "labels": list(labels),
        "rows": {"in": rows_in, "out": sum(len(rows) for rows in splits.values())},
        "dropped": dict(tally.dropped),
        "changed": dict(tally.changed),
        "personal_data": dict(tally.personal),
        "splits": {split: _split(rows, unlabelled=split == "transfer") for split, rows in splits.items()},
    }


def _split(rows: Sequence[Row], *, unlabelled: bool) -> dict[str, Any]:
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_source[row.source]["" if unlabelled else row.label or ""] += 1
    labels: Counter[str] = sum(by_source.values(), Counter())
    found: dict[str, Any] = {
        "rows": len(rows),
        "sources": {source: counts.total() for source, counts in by_source.items()},
        "characters": _lengths([len(row.text) for row in rows]),
        "words": _lengths([len(row.text.split()) for row in rows]),
    }
    if unlabelled:
        return found
    by_label = {source: dict(counts) for source, counts in by_source.items()}
    return found | {"labels": dict(labels), "labels_by_source": by_label}


def _lengths(lengths: Sequence[int]) -> dict[str, float]:
    ordered = sorted(lengths)
    return {
        "min": ordered[0],
        "median": ordered[len(ordered) // 2],
        "p95": ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)],
        "max": ordered[-1],
        "mean": round(statistics.fmean(ordered), 2),
    }
