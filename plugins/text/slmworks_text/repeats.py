"""What happens to equal and nearly equal rows.

The policy, in one place. A text belongs to the first of test, validation, train and transfer that has it or
one near it; elsewhere it is dropped, so that nothing measured was learnt from. A *given* test or validation
set keeps its own repeats: published sets stay comparable. In the training pool one row of each text is kept,
and none when its labels disagree. Near duplicates of one label are reduced to the smallest id; those of
different labels are all kept, in one split.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from slmworks_text.duplicates import Components, near_pairs
from slmworks_text.rows import Row, Tally

RANK = {"test": 0, "validation": 1, "pool": 2, "transfer": 3}
"""Who keeps a text that several have."""


@dataclass(frozen=True)
class Settled:
    """The rows that stay, and which of the pool's must stay together."""

    rows: list[Row]
    units: list[list[Row]]
    """Rows of the pool; near duplicates and groups are one unit."""


def settle(
    rows: Sequence[Row],
    threshold: float | None,
    tally: Tally,
    *,
    threads: int,
    progress: Callable[[int], None],
) -> Settled:
    """Drop repeats from rows sorted by id; count every one in `tally`."""
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    distinct = [kept for same in by_key.values() if (kept := _exact(same, tally))]
    components = Components(len(distinct))
    if threshold is not None and distinct:
        texts = [same[0].text for same in distinct]
        for a, b in near_pairs(texts, threshold, threads=threads, progress=progress):
            components.join(a, b)
    near: dict[int, list[Row]] = defaultdict(list)
    for i, same in enumerate(distinct):
        near[components.find(i)].extend(same)
    settled = [_near(alike, tally) for alike in near.values()]
    kept = sorted((row for alike in settled for row in alike), key=lambda row: row.id)
    return Settled(kept, _units([[row for row in alike if row.pool == "pool"] for alike in settled]))


def _exact(same: list[Row], tally: Tally) -> list[Row]:
    """Of rows with one text, those that stay."""
    owner, own = _owned(same, "equal to a {} row", tally)
    if RANK[owner] < RANK["pool"]:
        return own
    labels = Counter(row.label for row in own)
    if len(labels) > 1:
        tally.dropped["conflicting labels"] += len(own)
        return []
    tally.dropped["duplicate"] += len(own) - 1
    return own[:1]


def _near(alike: list[Row], tally: Tally) -> list[Row]:
    """Of rows with nearly one text, those that stay."""
    owner, own = _owned(alike, "near a {} row", tally)
    if RANK[owner] < RANK["pool"]:
        return own
    first: dict[str | None, Row] = {}
    for row in sorted(own, key=lambda row: row.id):
        first.setdefault(row.label, row)
    tally.dropped["near duplicate"] += len(own) - len(first)
    return list(first.values())


def _owned(rows: list[Row], reason: str, tally: Tally) -> tuple[str, list[Row]]:
    owner = min((row.pool for row in rows), key=RANK.__getitem__)
    own = [row for row in rows if row.pool == owner]
    if len(own) < len(rows):
        tally.dropped[reason.format("labelled" if owner == "pool" else owner)] += len(rows) - len(own)
    return owner, own


def _units(alike: Iterable[list[Row]]) -> list[list[Row]]:
    """Join rows of one group, across what is alike; sorted, so that the order of files means nothing."""
    parts = [part for part in alike if part]
    joined = Components(len(parts))
    seen: dict[str, int] = {}
    for i, part in enumerate(parts):
        for row in part:
            if row.group:
                joined.join(i, seen.setdefault(row.group, i))
    units: dict[int, list[Row]] = defaultdict(list)
    for i, part in enumerate(parts):
        units[joined.find(i)].extend(part)
    return sorted(units.values(), key=lambda unit: min(row.id for row in unit))
