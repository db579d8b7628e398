"""Sides as rows of a table: quality with its interval, share kept, costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.compare.side import Side
from slmworks.numbers import figures

SHOWN = 2
"""Measures that have a column: the deciding one, then the next."""
COSTS = ("kept", "p50 ms", "rows/s", "on disk")


def headings(sides: Sequence[Side]) -> list[str]:
    """Headings after the side's label; measures are those of the first side that has any."""
    quality = next((one.quality for one in sides if one.quality), None)
    if quality is None:
        return list(COSTS)
    titles = [quality.model_task.title(name) for name in measures(quality)]
    titles[:1] = [f"{title} (95 % CI)" for title in titles[:1]]
    return [*titles, *COSTS]


def measures(quality: Any) -> list[str]:
    """Names of the measures that have a column."""
    known = [one.name for one in quality.model_task.measures if one.name in quality.measures()]
    return list(dict.fromkeys([*known, *quality.measures()]))[:SHOWN]


def cells(side: Side, named: Sequence[str]) -> list[str]:
    """One side's numbers, in the order of `headings`; `named` are the measures with a column."""
    return [*_quality(side, named), *_costs(side)]


def _quality(side: Side, named: Sequence[str]) -> list[str]:
    if side.quality is None:
        return [figures.NOTHING] * len(named)
    found, task = side.quality.measures(), side.quality.model_task
    written = []
    for place, name in enumerate(named):
        number: Mapping[str, float] | None = found.get(name)
        if number is None:
            written.append(figures.NOTHING)
        elif place == 0:
            written.append(figures.interval(number, task.written(name)))
        else:
            written.append(task.written(name)(number["value"]))
    return written


def _costs(side: Side) -> list[str]:
    p50, rows = side.cost("p50_ms"), side.cost("rows_s")
    size = side.quality.bytes if side.quality else None
    return [
        figures.percent(side.kept["value"]) if side.kept else figures.NOTHING,
        figures.milliseconds(p50) if p50 is not None else figures.NOTHING,
        figures.rate(rows) if rows is not None else figures.NOTHING,
        figures.size(size) if size is not None else figures.NOTHING,
    ]
