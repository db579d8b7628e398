"""`card.json`, the numbers of a data set, and the Parquet files beside it."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from slmworks.curate.operators import Chosen
from slmworks_text.checks import Counts, by_label, listed
from slmworks_text.facts.followed import Followed
from slmworks_text.labels import spelt
from slmworks_text.ledger import Ledger
from slmworks_text.lengths import Lengths
from slmworks_text.row_groups import LONG_ROW_GROUP, ROW_GROUP, RowGroups
from slmworks_text.rows import LABELLED, PLACES, SPLITS, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Schema
from slmworks_text.word_counts import words_in

FEW = 4
"""So many labels are named in the summary; of more, the most and the least frequent."""
SHORT = 24
"""Characters of a label in the summary."""


class Split:
    """One `<split>.parquet`: id, input, target, source; and the lengths of its texts."""

    def __init__(self, path: Path, schema: Schema, sources: Any) -> None:
        """Open the file; `sources` is an Arrow array with the source of each stratum."""
        import pyarrow as pa

        self.sources = sources
        columns = pa.schema([(name, pa.string()) for name in schema.columns])
        self.file = RowGroups(path, columns, ROW_GROUP if schema.classes else LONG_ROW_GROUP)
        self.text = TextLengths()
        self.target = None if schema.classes else TextLengths()

    def extend(self, table: Any) -> None:
        """Add rows of id, text, target and stratum."""
        import pyarrow as pa

        self.text.update(table.column("text").to_pylist())
        if self.target is not None:
            self.target.update(table.column("target").drop_null().to_pylist())
        columns = [
            table.column("id"),
            table.column("text").cast(pa.string()),
            table.column("target").cast(pa.string()),
            self.sources.take(table.column("stratum")),
        ]
        self.file.extend(columns)

    def close(self) -> None:
        """Write the rows that are left."""
        self.file.close()


class TextLengths:
    """Lengths of texts, in characters and words."""

    def __init__(self) -> None:
        self.characters = Lengths()
        self.words = Lengths()

    def update(self, texts: Sequence[str]) -> None:
        """Count more."""
        self.characters.update(map(len, texts))
        self.words.counts.update(words_in(texts))

    def described(self) -> dict[str, Any]:
        """Summaries, and the distribution of characters."""
        return {
            "characters": self.characters.summary(),
            "lengths": self.characters.distribution("characters"),
            "words": self.words.summary(),
        }


class SplitFile(Protocol):
    """The Parquet file of one split, while it is written."""

    def extend(self, table: Any) -> None:
        """Add rows of id, text, target and stratum."""

    def close(self) -> None:
        """Write the rows that are left."""


F = TypeVar("F", bound=SplitFile)


def fill(
    splits: Mapping[str, SplitFile], rows: StoredRows, ledger: Ledger, followed: Followed | None = None
) -> None:
    """Write the kept rows of each split into its file, in the order of the rows, and close the files."""
    import numpy as np
    import pyarrow as pa

    done = 0
    for batch in rows.batches("id", "text", "target", "stratum"):
        if followed is not None:
            followed.batch(done, batch)
        here = slice(done, done := done + len(batch))
        for split, file in splits.items():
            found = np.flatnonzero(ledger.kept[here] & (ledger.place[here] == PLACES.index(split)))
            if len(found):
                file.extend(batch.take(pa.array(found)))
    for file in splits.values():
        file.close()


def write_splits(
    folder: Path,
    rows: StoredRows,
    ledger: Ledger,
    counts: Mapping[str, Counts],
    opened: Callable[[Path, Any], F],
    followed: Followed | None = None,
) -> dict[str, F]:
    """One file for each split that has rows; rows sorted by id.

    `opened`: the file of a path, given an Arrow array with the source of each stratum.
    """
    import pyarrow as pa

    sources = pa.array([stratum.source for stratum in ledger.strata], pa.string())
    splits = {split: opened(folder / f"{split}.parquet", sources) for split in PLACES if counts[split]}
    fill(splits, rows, ledger, followed)
    return splits


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """The card as JSON with sorted keys: the same numbers are the same bytes. `columns` are added."""
    whole = {**card, "columns": _columns(folder)}
    text = json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / "card.json").write_text(text, encoding="utf-8")


def _columns(folder: Path) -> dict[str, str]:
    """Column -> Arrow's name of its type, of all splits."""
    import pyarrow.parquet as pq

    schemas = [pq.read_schema(path) for path in sorted(folder.glob("*.parquet"))]
    return {field.name: str(field.type) for schema in schemas for field in schema}


def counted(
    splits: Iterable[str], counts: Mapping[str, Counts], tally: Tally, rows_in: int
) -> dict[str, Any]:
    """Rows in and out, with the reason for each that is missing or changed: what every card begins with."""
    return {
        "rows": {"in": rows_in, "out": sum(sum(counts[split].values()) for split in splits)},
        "dropped": dict(tally.dropped),
        "changed": dict(tally.changed),
        "personal_data": dict(tally.personal),
    }


def describe(
    splits: Mapping[str, Split],
    counts: Mapping[str, Counts],
    tally: Tally,
    *,
    rows_in: int,
    labels: Sequence[str] | None,
) -> dict[str, Any]:
    """Rows in and out with the reason for each that is missing, and statistics a split.

    `labels`: None where the target is no class.
    """
    card = counted(splits, counts, tally, rows_in) | {
        "splits": {
            split: _split(file, counts[split], labelled=labels is not None and split in LABELLED)
            for split, file in splits.items()
        },
    }
    return card if labels is None else card | {"labels": list(labels)}


def by_operators(operators: Sequence[Chosen], tally: Tally) -> dict[str, Any]:
    """Row operators in their order, with what each dropped, changed and found; nothing without any."""
    if not operators:
        return {}
    named = [(one, f"{one.name}: ") for one in operators]
    return {
        "operators": [
            {
                "name": one.name,
                "options": one.operator.model_dump(mode="json", exclude_defaults=True),
                "dropped": _of(tally.dropped, head),
                "changed": _of(tally.changed, head),
                "found": dict(tally.found.get(one.name, {})),
                "first": _of(tally.filtered, head),
            }
            for one, head in named
        ]
    }


def _of(counts: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Entries whose name begins so, without that."""
    return {reason.removeprefix(head): found for reason, found in counts.items() if reason.startswith(head)}


def _split(file: Split, counts: Counts, *, labelled: bool) -> dict[str, Any]:
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for stratum, count in counts.items():
        by_source[stratum.source][stratum.label] += count
    found: dict[str, Any] = {
        "rows": sum(counts.values()),
        "sources": {source: labels.total() for source, labels in by_source.items()},
        **file.text.described(),
    }
    if file.target is not None and file.target.characters.counts:
        found["target"] = file.target.described()
    if not labelled:
        return found
    by_label_in = {source: dict(labels) for source, labels in by_source.items()}
    return found | {"labels": dict(by_label(counts)), "labels_by_source": by_label_in}


def summary(card: Mapping[str, Any], expected: Sequence[str] = ()) -> dict[str, Any]:
    """The card in a few numbers: rows in and out, balance of labels, dropped by reason, rows a split.

    `expected`: expectations that were met, with what was found.
    """
    near = [count for reason, count in card["dropped"].items() if reason.startswith("near")]
    found = {
        "rows_in": card["rows"]["in"],
        "rows": card["rows"]["out"],
        "labels": balance(card["splits"]["train"].get("labels", {})),
        "left_out": listed(card["dropped"]),
        "redacted": card["changed"].get("personal data redacted", 0),
        "near_duplicates": sum(near),
        "label_issues": card["label_noise"]["issues"] if "label_noise" in card else "",
        "dropped": {reason: count for reason, count in sorted(card["dropped"].items()) if count},
        **{split: card["splits"][split]["rows"] for split in SPLITS if split in card["splits"]},
        "warnings": card.get("warnings", []),
        "expected": list(expected),
    }
    return {name: value for name, value in found.items() if value not in ("", [])}


def balance(labels: Mapping[str, int]) -> str:
    """Labels with their share of the rows: `3 (no 50 %, yes 40 %, maybe 10 %)`; of many, the ends."""
    if not labels:
        return ""
    total, ordered = sum(labels.values()), sorted(labels, key=lambda label: (-labels[label], label))
    shares = [f"{_short(label)} {_percent(labels[label] / total)}" for label in ordered]
    words = ", ".join(shares) if len(shares) <= FEW else f"{shares[0]} to {shares[-1]}"
    return f"{len(labels)} ({words})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


def _short(label: str) -> str:
    text = spelt(label, joiners=False)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
