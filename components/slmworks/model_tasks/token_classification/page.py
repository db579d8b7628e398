"""The entities of a tagger by label, and in which way its wrong ones are wrong, on the reviewer's page."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, bar, details, el, grid, join

MANY = 12
"""More labels than this are folded."""
KINDS = {
    "missed": "not found",
    "invented": "where there is none",
    "ends": "other ends",
    "label": "another label",
}


def labels(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Precision, recall and F1 of every label, the teacher's F1 beside."""
    beside = {one["label"]: one for one in teacher["details"]["entities"]} if teacher else {}
    lines = [
        [
            one["label"],
            join([bar(one["f1"]), figures.score(one["f1"])]),
            figures.score(beside[one["label"]]["f1"]) if one["label"] in beside else figures.NOTHING,
            figures.score(one["precision"]),
            figures.score(one["recall"]),
            figures.count(one["support"]),
        ]
        for one in candidate["details"]["entities"]
    ]
    headings = ("label", "F1", "teacher's F1", "precision", "recall", "entities")
    table = grid(headings, lines, label="Labels")
    folded = details(f"All {len(lines)} labels", table) if len(lines) > MANY else table
    return join([el("h2", "Labels"), folded])


def errors(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Wrong entities by kind, the teacher's beside."""
    own = candidate["details"]["errors"]
    theirs = teacher["details"]["errors"] if teacher else {}
    lines = [
        [
            name,
            figures.count(own[kind]),
            figures.count(theirs[kind]) if kind in theirs else figures.NOTHING,
        ]
        for kind, name in KINDS.items()
    ]
    table = grid(("entities", "candidate", "teacher"), lines, label="Mistakes")
    return join([el("h2", "Mistakes"), table])
