"""Answers of a reader by kind, on the reviewer's page."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, bar, el, grid, join

KINDS = {
    "right": "right",
    "part": "partly right",
    "elsewhere": "another part of the context",
    "silent": "no answer, though there is one",
    "invented": "an answer, though there is none",
}


def outcomes(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Answers by kind, the teacher's beside; kinds that neither has are left out."""
    own = candidate["details"]["outcomes"]
    theirs = teacher["details"]["outcomes"] if teacher else {}
    lines = [
        [
            name,
            join([bar(own[kind] / candidate["n"]), figures.percent(own[kind] / candidate["n"])]),
            figures.percent(theirs[kind] / teacher["n"]) if teacher and kind in theirs else figures.NOTHING,
            figures.count(own[kind]),
        ]
        for kind, name in KINDS.items()
        if own[kind] or theirs.get(kind)
    ]
    table = grid(("answer", "share", "teacher's share", "questions"), lines, label="Answers")
    return join([el("h2", "Answers"), table])
