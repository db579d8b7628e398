"""Data that cannot be split or learnt from, refused in one line that says why."""

from collections import Counter
from collections.abc import Mapping, Sequence

from slmworks.contract.errors import BadRequest
from slmworks_text.rows import Tally
from slmworks_text.schema import Stratum

Counts = Mapping[Stratum, int]
"""Stratum -> rows."""


def refuse_unlabelled(pool: Counts, tally: Tally, rows_in: int) -> None:
    """BadRequest for a pool without rows."""
    if not pool:
        raise BadRequest(
            f"no labelled rows to train on: {rows_in} rows read {reasons(tally)}; check what was fetched."
        )


def refuse_one_class(pool: Counts) -> None:
    """BadRequest for a pool with a single label."""
    labels = by_label(pool)
    if len(labels) == 1:
        raise BadRequest(
            f"only one label, '{next(iter(labels))}', in all {labels.total()} rows; a classifier needs two."
        )


def refuse_rare(pool: Counts, splits: int) -> None:
    """BadRequest for labels with fewer rows in the pool than splits are taken from it."""
    labels = by_label(pool)
    rare = [f"'{label}' ({count})" for label, count in sorted(labels.items()) if count < splits]
    if rare:
        raise BadRequest(
            f"too few rows to put one into each of {splits} splits: {', '.join(rare[:5])}; "
            "add rows, or list the labels to keep with labels."
        )


def refuse_empty(counts: Mapping[str, Counts], tally: Tally) -> None:
    """BadRequest where train, validation or test would have no row."""
    rows = sum(sum(found.values()) for found in counts.values())
    for split in ("train", "validation", "test"):
        if not counts[split]:
            raise BadRequest(
                f"the split '{split}' would be empty: {rows} rows are left {reasons(tally)}; "
                "give more rows, or fewer and smaller groups."
            )


def label_order(counts: Mapping[str, Counts], order: Sequence[str], shares: Mapping[str, float]) -> list[str]:
    """The labels of the training rows in order; BadRequest when another split has one that they lack."""
    known = set(by_label(counts["train"]))
    for split in ("validation", "test"):
        strange = sorted(set(by_label(counts[split])) - known)
        if strange:
            where = (
                "all its rows went to one split with their group"
                if split in shares
                else "it cannot be learnt"
            )
            raise BadRequest(f"label '{strange[0]}' is in {split} and not in train; {where}.")
    return [label for label in order if label in known] if order else sorted(known)


def by_label(counts: Counts) -> Counter[str]:
    """Label -> rows."""
    found: Counter[str] = Counter()
    for stratum, count in counts.items():
        found[stratum.label] += count
    return found


def reasons(tally: Tally) -> str:
    """Dropped rows by reason, in parentheses."""
    found = ", ".join(f"{count} {reason}" for reason, count in tally.dropped.most_common() if count)
    return f"(dropped: {found})" if found else "(none dropped)"
