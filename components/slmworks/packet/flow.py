"""Rows in, each reason why some were left out, the splits: a band that narrows from line to line.

A Sankey diagram whose lines are those of a table, so that its words wrap on a narrow screen and its numbers
can be read aloud. After Kennedy & Sankey (1898).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, join
from slmworks.packet.sources import Content

WIDE, OUT, HIGH = 84, 26, 34
"""Pixels: the band of all rows, room beside it, and a line."""
THIN = 1.5
"""Pixels of the smallest branch."""
STEPS = {
    "rows": "read, cleaned, filtered",
    "equal": "equal texts",
    "near": "near duplicates",
    "semantic": "same meaning",
    "sample": "sample",
    "decontaminate": "decontamination",
    "transfer": "sample of transfer",
    "label noise": "label noise",
    "balance": "balance",
}
"""Steps of a curation as people call them."""


class Line(NamedTuple):
    """One line of the flow."""

    name: str
    rows: int
    kind: str
    """`in`, `left-out` or `split`."""
    step: str = ""
    """Stands above the first of its lines."""


def lines_of(card: Content) -> list[Line]:
    """Rows in, reasons in the order in which they acted, splits; nothing where rows aren't known."""
    rows = card.get("rows") or {}
    splits = {name: one["rows"] for name, one in (card.get("splits") or {}).items() if "rows" in one}
    if not {"in", "out"} <= rows.keys() or not rows["in"]:
        return []
    steps = card.get("steps") or [{"step": "", "dropped": card.get("dropped") or {}}]
    found = [Line("rows in", rows["in"], "in")]
    for step in steps:
        named = STEPS.get(step["step"], step["step"])
        found += [Line(why, count, "left-out", named) for why, count in _ordered(step["dropped"])]
    ordered = sorted(splits.items(), key=lambda split: -split[1])
    return found + [Line(name, count, "split", "splits") for name, count in ordered]


def flow(card: Content) -> Html:
    """The table; empty where nothing was left out and there is nothing to see."""
    lines = lines_of(card)
    if not lines:
        return Html("")
    body = [el("tbody", join(_drawn(lines)))]
    heads = [el("th", "", aria_hidden="true"), *(el("th", word) for word in ("", "rows", "share"))]
    words = f"What became of {figures.count(lines[0].rows)} rows"
    table = el("table", el("thead", el("tr", *heads)), *body, class_="flow")
    return el("div", table, class_="wide", role="region", aria_label=words, tabindex=0)


def _ordered(dropped: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((why, count) for why, count in dropped.items() if count), key=lambda one: -one[1])


def _drawn(lines: list[Line]) -> Iterator[Html]:
    whole, left, step = lines[0].rows, lines[0].rows, ""
    for line in lines:
        after = left if line.kind == "in" else max(0, left - line.rows)
        head = line.step if line.step != step else ""
        step = line.step
        words = [el("small", head, class_="step")] if head else []
        yield el(
            "tr",
            _picture(left / whole, after / whole, line.kind),
            el("td", *words, line.name, class_="t"),
            el("td", figures.count(line.rows), class_="n"),
            el("td", figures.percent(line.rows / whole), class_="n"),
            class_=line.kind,
        )
        left = after


def _picture(before: float, after: float, kind: str) -> Html:
    """The band, and what leaves it."""
    w0, w1 = WIDE * before, WIDE * after
    band = f"background-size:{w1:.1f}px 100%"
    if kind == "in":
        return el("td", class_="band", style=band, aria_hidden="true")
    thick = min(max(w0 - w1, THIN), HIGH - 8)
    top, low, end = (HIGH - thick) / 2, (HIGH + thick) / 2, WIDE + OUT
    right, left = w0, max(0.0, w0 - max(w0 - w1, THIN))
    path = (
        f"M{left:.1f} 0 H{right:.1f} C{right:.1f} {top:.1f} {right + 8:.1f} {top:.1f} {right + 16:.1f}"
        f" {top:.1f}"
        f" H{end} V{low:.1f} H{right + 10:.1f} C{left:.1f} {low:.1f} {left:.1f} {low:.1f} {left:.1f} 0 Z"
    )
    drawn = el("svg", el("path", d=path), width=WIDE + OUT, height=HIGH, aria_hidden="true")
    return el("td", drawn, class_="band", style=band, aria_hidden="true")
