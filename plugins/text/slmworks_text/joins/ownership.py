"""The split that duplicates belong to."""

from collections.abc import Sequence

from slmworks_text.ledger import Ledger
from slmworks_text.rows import PLACES, POOL, Tally


def keep_first_place(ledger: Ledger, rows: Sequence[int], reason: str, tally: Tally) -> tuple[int, list[int]]:
    """The first place that duplicates are in, and those in it; the others are dropped and counted.

    `reason` has a gap for the place: `equal to a {} row`.
    """
    places = ledger.place[rows].tolist()
    first = min(places)
    own = [row for row, place in zip(rows, places, strict=True) if place == first]
    if len(own) < len(rows):
        ledger.kept[[row for row, place in zip(rows, places, strict=True) if place != first]] = False
        name = "labelled" if first == POOL else PLACES[first]
        tally.dropped[reason.format(name)] += len(rows) - len(own)
    return first, own
