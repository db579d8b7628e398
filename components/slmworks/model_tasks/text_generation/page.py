"""What the reviewer's page shows of a generator only: how long its answers are, and how many were cut off."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join


def lengths(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Answers that reached the largest number of tokens, and tokens an answer; the teacher's beside."""
    both = (candidate, teacher)
    table = grid(
        ("answers", "candidate", "teacher"),
        [
            ["cut off at the largest length", *map(_cut_off, both)],
            ["tokens an answer", *map(_tokens, both)],
        ],
        label="Answers",
    )
    return join([el("h2", "Length of answers"), table])


def _cut_off(side: Mapping[str, Any] | None) -> str:
    return figures.percent(side["details"]["cut_off"] / side["n"]) if side else figures.NOTHING


def _tokens(side: Mapping[str, Any] | None) -> str:
    return f"{side['details']['tokens'] / side['n']:.1f}" if side else figures.NOTHING
