"""The classes of a classifier, and what it takes for what, as parts of the reviewer's page."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, bar, details, el, grid, join

MANY = 12
"""More classes than this are folded …"""
FOLDED = 30
"""… and a confusion matrix of more than this; one of more than …"""
LEFT_OUT = 100
"""… this is left out, and only what is confused most often is named."""
CONFUSED = 10
"""Pairs of labels that are named."""


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


def confusion(candidate: Mapping[str, Any]) -> Html:
    """What is taken for what: the commonest mistakes, and the matrix (rows: truth, columns: answer)."""
    found = candidate["details"].get("confusion")
    if not found:
        return Html("")
    labels: list[str] = found["labels"]
    matrix: list[list[int]] = found["matrix"]
    mistakes = sorted(
        (
            (count, truth, said)
            for truth, row in zip(labels, matrix, strict=True)
            for said, count in zip(labels, row, strict=True)
            if truth != said and count
        ),
        key=lambda one: -one[0],
    )
    totals = dict(zip(labels, map(sum, matrix), strict=True))
    rows = [
        [truth, said, figures.count(count), figures.percent(count / totals[truth])]
        for count, truth, said in mistakes[:CONFUSED]
    ]
    pairs = grid(("truth", "answer", "rows", "of the class"), rows, text=(0, 1), label="Commonest mistakes")
    parts = [
        el("h2", "What is taken for what"),
        pairs if rows else el("p", "Nothing: every answer is right."),
    ]
    if len(labels) <= FOLDED:
        parts += [el("h3", "All labels"), _matrix(labels, matrix)]
    elif len(labels) <= LEFT_OUT:
        parts.append(details(f"All {len(labels)} × {len(labels)}", _matrix(labels, matrix)))
    return join(parts)


def _matrix(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Html:
    lines = [
        [label, *(_cell(count, sum(row), right=i == j) for j, count in enumerate(row))]
        for i, (label, row) in enumerate(zip(labels, matrix, strict=True))
    ]
    heads = [el("span", label, title=label) for label in labels]
    return grid(("truth ↓ answer →", *heads), lines, label="Confusion matrix")


def _cell(count: int, total: int, *, right: bool) -> Html:
    """A number on a ground as dark as its share of the class: green for right, red for wrong."""
    if not count:
        return el("span", "·", class_="soft")
    share = count / max(total, 1)
    colour = "26,127,75" if right else "179,38,30"
    return el(
        "span",
        figures.count(count),
        class_="cell",
        style=f"background:rgba({colour},{0.08 + 0.5 * share:.2f})",
    )
