"""The classes of a classifier, as a part of the reviewer's page."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, bar, details, el, grid, join

MANY = 12
"""More classes than this are folded."""


def classes(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Precision, recall and F1 of every class, the teacher's F1 beside."""
    beside = {one["label"]: one for one in teacher["details"]["classes"]} if teacher else {}
    lines = []
    for one in candidate["details"]["classes"]:
        theirs = beside.get(one["label"])
        lines.append(
            [
                one["label"],
                join([bar(one["f1"]), figures.score(one["f1"])]),
                figures.score(theirs["f1"]) if theirs else figures.NOTHING,
                figures.score(one["precision"]),
                figures.score(one["recall"]),
                figures.count(one["support"]),
            ]
        )
    headings = ("class", "F1", "teacher's F1", "precision", "recall", "rows")
    table = grid(headings, lines, label="Classes")
    folded = details(f"All {len(lines)} classes", table) if len(lines) > MANY else table
    return join([el("h2", "Classes"), folded])
