"""What a candidate keeps against what it weighs: the Pareto front in words, and as a picture."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, join

WIDE, HIGH = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 16, 42
"""Room around the picture's frame, in pixels."""
NEIGHBOURS = 2
"""Candidates on the front that are named beside the recommended one: the nearest in size."""
LINE = 15
"""Height of a line of text."""

LETTER = 6.6
"""Width of a letter, about."""

Row = Mapping[str, Any]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


def sentence(verdict: Mapping[str, Any]) -> str:
    """`Pareto front of 3 candidates (kept, bytes, p50): a, b`; empty where nothing was compared."""
    among = [row for row in verdict.get("rows", []) if "front" in row]
    if not among:
        return ""
    named = ", ".join(str(row["name"]) for row in among if row["front"])
    timed = ", p50" if all(row.get("p50_ms") is not None for row in among) else ""
    return f"Pareto front of {figures.count(len(among))} candidates (kept, bytes{timed}): {named}"


def recommendation(verdict: Mapping[str, Any]) -> str:
    """The chosen one of several candidates with its numbers, and its neighbours on the front."""
    among = [row for row in verdict.get("rows", []) if "front" in row]
    chosen = next((row for row in among if row["chosen"]), None)
    if chosen is None or len(among) < 2:
        return ""
    size = math.log(chosen.get("bytes") or 1)
    others = [row for row in among if row["front"] and row is not chosen]
    others.sort(key=lambda row: abs(math.log(row.get("bytes") or 1) - size))
    because = f", {verdict['because']}" if verdict.get("because") else ""
    head = "Recommended" if verdict.get("passed") else "Nothing is recommended; judged was"
    words = f"{head}{':' if verdict.get('passed') else ''} {chosen['name']}{because} ({_numbers(chosen)})"
    near = "; ".join(f"{row['name']} ({_numbers(row)})" for row in others[:NEIGHBOURS])
    said = [words, *_doubts(verdict), *([f"Next on the front: {near}"] if near else [])]
    return ". ".join(said)


def _doubts(verdict: Mapping[str, Any]) -> list[str]:
    """What is not sure for lack of rows, and a linear model that does as well."""
    found = [
        f"Inconclusive: {check['words']}"
        for check in verdict.get("checks", [])
        if check["outcome"] == "inconclusive"
    ]
    linear = verdict.get("linear") or {}
    if linear.get("bound", 1.0) <= 0:
        how = "better" if linear["high"] < 0 else "as well"
        found.append(f"A linear model does {how}: {linear['words']}")
    return found


def _numbers(row: Row) -> str:
    """`kept 97 %, 10.9 MB, 2.9 ms`, as far as they are known."""
    found = [f"kept {figures.percent(row['kept']['value'])}"]
    if row.get("bytes") is not None:
        found.append(figures.size(row["bytes"]))
    if row.get("p50_ms") is not None:
        found.append(f"{figures.milliseconds(row['p50_ms'])} ms")
    return ", ".join(found)


def section(verdict: Mapping[str, Any], stopped: int = 0) -> Html:
    """Every candidate by its bytes (to a logarithmic scale) and the share it keeps.

    A line joins those that keep more than any smaller one; others are on the front for their speed.
    `stopped`: how many never came so far, and have no place in it.
    """
    among = [row for row in verdict.get("rows", []) if "front" in row and row.get("bytes")]
    if len(among) < 2:
        return Html("")
    note = f"{sentence(verdict)}. No other candidate is ahead of these in one thing and behind in none."
    if len(_rising(among)) > 1:
        note += " The line joins those that keep more than any smaller one."
    if stopped:
        were, have = ("was", "has") if stopped == 1 else ("were", "have")
        note += f" {figures.count(stopped)} more {were} stopped early and {have} no place here."
    drawn = el(
        "div", _picture(among), class_="wide", role="region", aria_label="Quality against size", tabindex=0
    )
    parts = [el("h2", "Quality against size"), drawn]
    if words := recommendation(verdict):
        parts.append(el("p", f"{words}."))
    return join([*parts, el("p", note, class_="soft")])


def _picture(rows: Sequence[Row]) -> Html:
    at_x = _scale([math.log(row["bytes"]) for row in rows], LEFT, WIDE - RIGHT)
    ends = [row["kept"].get(end, row["kept"]["value"]) for row in rows for end in ("low", "high")]
    at_y = _scale(ends, HIGH - BOTTOM, TOP)

    def spot(row: Row) -> tuple[float, float]:
        return at_x(math.log(row["bytes"])), at_y(row["kept"]["value"])

    spots = [spot(row) for row in rows]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(spot, _rising(rows)))
    words = "Share kept of the teacher against bytes on disk, one dot a candidate"
    return el(
        "svg",
        el("title", words),
        *_axes(rows, ends, at_y),
        el("polyline", points=line, class_="edge dashed"),
        *(_dot(row, spot, at_y) for row, spot in zip(rows, spots, strict=True)),
        *_labels(rows, spots),
        viewBox=f"0 0 {WIDE} {HIGH}",
        style=f"max-width:{WIDE}px",
        class_="dag plot",
        role="img",
        aria_label=words,
    )


def _rising(rows: Sequence[Row]) -> list[Row]:
    """Rows that keep more than all smaller ones, by size."""
    found, most = list[Row](), -math.inf
    for row in sorted(rows, key=lambda row: (row["bytes"], -row["kept"]["value"])):
        if row["kept"]["value"] > most:
            found.append(row)
            most = row["kept"]["value"]
    return found


def _scale(values: Sequence[float], start: float, end: float) -> Any:
    """From a value to its place in pixels; a little room is left at both ends."""
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05
    low, high = low - room, high + room
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _axes(rows: Sequence[Row], ends: Sequence[float], at_y: Any) -> list[Html]:
    frame = el("rect", x=LEFT, y=TOP, width=WIDE - LEFT - RIGHT, height=HIGH - TOP - BOTTOM, class_="frame")
    middle = (LEFT + WIDE - RIGHT) / 2
    sizes = [row["bytes"] for row in rows]
    below = f"{figures.size(min(sizes))} to {figures.size(max(sizes))} on disk, smaller to the left"
    ticks = [
        el("text", figures.percent(value), x=LEFT - 28, y=f"{at_y(value) + 4:.1f}", class_="tick")
        for value in dict.fromkeys((min(ends), max(ends)))
    ]
    return [frame, *ticks, el("text", below, x=middle, y=HIGH - 12, class_="axis-title")]


def _dot(row: Row, spot: tuple[float, float], at_y: Any) -> Html:
    x, y = spot
    kind = "strong" if row["chosen"] else "weak"
    ends = [at_y(row["kept"].get(end, row["kept"]["value"])) for end in ("low", "high")]
    interval = el(
        "line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{ends[0]:.1f}", y2=f"{ends[1]:.1f}", class_=f"ci {kind}"
    )
    return join([interval, el("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=5, class_=kind)])


def _labels(rows: Sequence[Row], spots: Sequence[tuple[float, float]]) -> list[Html]:
    """Name and time beside each dot, on the side and at the height nearest to it where none is covered.

    From top to bottom; those on one side of their dots have a line each.
    """
    found: list[tuple[float, Html]] = []
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in spots]
    lines: dict[bool, list[float]] = {False: [], True: []}
    for (x, y), row in sorted(zip(spots, rows, strict=True), key=lambda pair: pair[0][1]):
        time = row.get("p50_ms")
        said = str(row["name"]) + (f" · {figures.milliseconds(time)} ms" if time is not None else "")
        places = list(_places(x, y, LETTER * len(said)))
        free = (
            one
            for one in places
            if not any(_cover(one, other) for other in taken)
            and all(abs(one[1] - top) >= LINE for top in lines[one[0] < x])
        )
        box = next(free, places[0])
        taken.append(box)
        lines[box[0] < x].append(box[1])
        side, anchor = (box[2], "end") if box[0] < x else (box[0], "start")
        place = {"x": f"{side:.1f}", "y": f"{box[3] - 3:.1f}"}
        found.append((box[3], el("text", said, **place, text_anchor=anchor, class_="spot")))
    return [text for _, text in sorted(found, key=lambda one: one[0])]


def _places(x: float, y: float, width: float) -> Iterator[Box]:
    """Boxes for a label beside a dot, within the frame: the nearest first, the roomier side before."""
    right = x < (LEFT + WIDE - RIGHT) / 2
    for row in range(HIGH // LINE):
        for step in sorted({row, -row}):
            top = y - 4 - LINE / 2 + step * LINE
            for side in (right, not right):
                left = x + 10 if side else x - 10 - width
                if left >= LEFT and left + width <= WIDE and top >= TOP and top + LINE <= HIGH - BOTTOM:
                    yield left, top, left + width, top + LINE
    start = x + 10 if right else x - 10 - width
    yield start, y - 8, start + width, y - 8 + LINE


def _cover(one: Box, other: Box) -> bool:
    """Whether two boxes have a point in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
