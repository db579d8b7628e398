"""Rows with one text, whatever its case."""

from collections.abc import Sequence

from slmworks_text.joins.components import Components
from slmworks_text.joins.ownership import keep_first_place
from slmworks_text.ledger import Ledger
from slmworks_text.rows import POOL, Tally
from slmworks_text.text_hashes import Hashes


def drop_equal(ledger: Ledger, keys: Hashes, components: Components, tally: Tally, *, classes: bool) -> None:
    """Drop equal duplicates, and join rows of one text, so that near duplicates count them as one.

    `classes`: a text with two targets is contradictory.
    """
    tally.dropped["duplicate"] += 0
    for same in keys.groups():
        for row in same[1:]:
            components.join(same[0], row)
        ledger.searched[same[1:]] = False
        place, own = keep_first_place(ledger, same, "equal to a {} row", tally)
        if place < POOL:
            continue
        repeated, targets = _repeated(ledger, own)
        if classes and targets > 1:
            tally.dropped["conflicting labels"] += len(own)
            ledger.kept[own] = False
            ledger.searched[same[0]] = False
        else:
            tally.dropped["duplicate"] += len(repeated)
            ledger.kept[repeated] = False


def _repeated(ledger: Ledger, rows: Sequence[int]) -> tuple[list[int], int]:
    """Rows whose target an earlier one has, and the number of different targets."""
    seen: set[int] = set()
    repeated = []
    for row, target in zip(rows, ledger.target[rows].tolist(), strict=True):
        if target in seen:
            repeated.append(row)
        seen.add(target)
    return repeated, len(seen)
