"""Data that cannot be split or learnt from, refused in one line that says why."""

from collections import Counter
from collections.abc import Mapping, Sequence

from slmworks.errors import BadRequest
from slmworks_text.rows import Row, Tally


def refuse_hopeless(rows: Sequence[Row], tally: Tally, rows_in: int) -> None:
    """BadRequest for data that no classifier can be trained on."""
    labelled = [row for row in rows if row.pool == "pool"]
    if not labelled:
        raise BadRequest(
            f"no labelled rows to train on: {rows_in} rows read {reasons(tally)}; check what was fetched."
        )
    labels = {row.label for row in labelled}
    if len(labels) == 1:
        raise BadRequest(
            f"only one label, '{labels.pop()}', in all {len(labelled)} rows; a classifier needs two."
        )


def refuse_rare(units: Sequence[Sequence[Row]], splits: int) -> None:
    """BadRequest for labels with fewer rows in the pool than splits are taken from it."""
    counts = Counter(row.label or "" for unit in units for row in unit)
    rare = [f"'{label}' ({count})" for label, count in sorted(counts.items()) if count < splits]
    if rare:
        raise BadRequest(
            f"too few rows to put one into each of {splits} splits: {', '.join(rare[:5])}; "
            "add rows, or list the labels to keep with labels."
        )


def label_order(
    splits: Mapping[str, Sequence[Row]], order: Sequence[str], shares: Mapping[str, float]
) -> list[str]:
    """The labels of the training rows in order; BadRequest when another split has one that they lack."""
    known = {row.label or "" for row in splits["train"]}
    for split in ("validation", "test"):
        strange = sorted({row.label or "" for row in splits[split]} - known)
        if strange:
            where = (
                "all its rows went to one split with their group"
                if split in shares
                else "it cannot be learnt"
            )
            raise BadRequest(f"label '{strange[0]}' is in {split} and not in train; {where}.")
    return [label for label in order if label in known] if order else sorted(known)


def reasons(tally: Tally) -> str:
    """What was dropped and why, in parentheses."""
    found = ", ".join(f"{count} {reason}" for reason, count in tally.dropped.most_common() if count)
    return f"(dropped: {found})" if found else "(none dropped)"
