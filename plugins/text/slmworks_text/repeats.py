"""What happens to equal and nearly equal rows.

The policy, in one place. A text belongs to the first of test, validation, train and transfer that has it or
one near it; elsewhere it is dropped, so that nothing measured was learnt from. A *given* test or validation
set keeps its own repeats: published sets stay comparable. In the training pool one row of each text is kept,
and none when its labels disagree. Near duplicates of one label are reduced to the smallest id; those of
different labels are all kept, in one split.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from slmworks_text.duplicates import Components
from slmworks_text.ledger import Ledger
from slmworks_text.rows import PLACES, POOL, Tally
from slmworks_text.text_hashes import Hashes


def drop_equal(ledger: Ledger, keys: Hashes, components: Components, tally: Tally) -> None:
    """Settle rows with one text, and join them, so that near duplicates count them as one."""
    tally.dropped["duplicate"] += 0
    for same in keys.groups():
        for row in same[1:]:
            components.join(same[0], row)
        ledger.asked[same[1:]] = False
        owner, own = _owned(ledger, same, "equal to a {} row", tally)
        if owner < POOL:
            continue
        if len({ledger.strata[number][0] for number in ledger.stratum[own].tolist()}) > 1:
            tally.dropped["conflicting labels"] += len(own)
            ledger.kept[own] = False
            ledger.asked[same[0]] = False
        else:
            tally.dropped["duplicate"] += len(own) - 1
            ledger.kept[own[1:]] = False


def drop_near(ledger: Ledger, components: Components, tally: Tally) -> None:
    """Settle the rows of each component, of which rows with one text are settled already."""
    tally.dropped["near duplicate"] += 0
    for alike in _alike(ledger, components.names()):
        owner, own = _owned(ledger, alike, "near a {} row", tally)
        if owner < POOL:
            continue
        seen: set[str] = set()
        for row, number in zip(own, ledger.stratum[own].tolist(), strict=True):
            label = ledger.strata[number][0]
            if label in seen:
                tally.dropped["near duplicate"] += 1
                ledger.kept[row] = False
            seen.add(label)


def units(ledger: Ledger, components: Components) -> tuple[Any, list[list[int]]]:
    """The pool: rows that stand alone (an array), and those that must stay together.

    Near duplicates and the rows of one group are one unit, across both.
    """
    import numpy as np

    pool = ledger.pool
    part = components.names()[pool]
    if ledger.group is not None:
        _join_groups(ledger.group[pool], part, components)
    unit = components.names()[pool] if ledger.group is not None else part
    several = _several(unit, len(ledger.kept))
    together = np.flatnonzero(several)
    order = together[np.lexsort((pool[together], part[together], unit[together]))]
    edges = np.flatnonzero(np.diff(unit[order])) + 1
    return pool[~several], [rows.tolist() for rows in np.split(pool[order], edges) if len(rows)]


def _several(unit: Any, size: int) -> Any:
    """Whether a row's unit has more rows than this one."""
    import numpy as np

    again = np.zeros(size, bool)
    first = np.unique(unit, return_index=True)[1]
    later = np.ones(len(unit), bool)
    later[first] = False
    again[unit[later]] = True
    return again[unit]


def _join_groups(group: Any, part: Any, components: Components) -> None:
    import numpy as np

    order = np.argsort(group, kind="stable")
    group, part = group[order], part[order]
    linked = np.flatnonzero((group[1:] == group[:-1]) & (group[1:] != 0) & (part[1:] != part[:-1]))
    for one, other in zip(part[linked].tolist(), part[linked + 1].tolist(), strict=True):
        components.join(one, other)


def _alike(ledger: Ledger, names: Any) -> Iterator[list[int]]:
    """Kept rows of each component that has several."""
    import numpy as np

    joined = np.zeros(len(names), bool)
    moved = names != np.arange(len(names), dtype="uint32")
    joined[names[moved]] = True
    rows = np.flatnonzero((joined | moved) & ledger.kept)
    rows = rows[np.argsort(names[rows], kind="stable")]
    for alike in np.split(rows, np.flatnonzero(np.diff(names[rows])) + 1):
        if len(alike) > 1:
            yield alike.tolist()


def _owned(ledger: Ledger, rows: Sequence[int], reason: str, tally: Tally) -> tuple[int, list[int]]:
    """Who has the rows, and which are theirs; the others are dropped."""
    places = ledger.place[rows].tolist()
    owner = min(places)
    own = [row for row, place in zip(rows, places, strict=True) if place == owner]
    if len(own) < len(rows):
        ledger.kept[[row for row, place in zip(rows, places, strict=True) if place != owner]] = False
        name = "labelled" if owner == POOL else PLACES[owner]
        tally.dropped[reason.format(name)] += len(rows) - len(own)
    return owner, own
