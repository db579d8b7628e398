"""Sides as rows of a table: quality with its interval, share kept, costs."""

from collections.abc import Sequence

from slmworks.compare.side import Side
from slmworks.evaluate.quality_report import QualityReport
from slmworks.gate.rows import shown_measures, written_measures
from slmworks.numbers import figures

COSTS = ("kept", "p50 ms", "rows/s", "on disk")
JOULES = "J/1,000"
"""Energy of 1,000 requests: a column where it was measured of one of them."""


def headings(sides: Sequence[Side]) -> list[str]:
    """Headings after the side's label; measures are those of the first side that has any."""
    quality = next((one.quality for one in sides if one.quality), None)
    costs = [*COSTS, *([JOULES] if any(one.cost("joules") is not None for one in sides) else [])]
    if quality is None:
        return costs
    titles = [one["title"] for one in shown_measures(quality)]
    titles[:1] = [f"{title} (95 % CI)" for title in titles[:1]]
    return [*titles, *costs]


def measures(quality: QualityReport) -> list[str]:
    """Names of the measures that have a column: those of a gate's table."""
    return [one["name"] for one in shown_measures(quality)]


def cells(side: Side, named: Sequence[str], heads: Sequence[str]) -> list[str]:
    """One side's numbers, in the order of `heads`; `named` are the measures with a column."""
    return [*_quality(side, named), *_costs(side, energy=JOULES in heads)]


def _quality(side: Side, named: Sequence[str]) -> list[str]:
    if side.quality is None:
        return [figures.NOTHING] * len(named)
    written = written_measures(side.quality.model_task, side.quality.measures())
    return [written.get(name, figures.NOTHING) for name in named]


def _costs(side: Side, *, energy: bool) -> list[str]:
    p50, rows, joules = side.cost("p50_ms"), side.cost("rows_s"), side.cost("joules")
    size = side.quality.bytes if side.quality else None
    return [
        figures.percent(side.kept["value"]) if side.kept else figures.NOTHING,
        figures.milliseconds(p50) if p50 is not None else figures.NOTHING,
        figures.rate(rows) if rows is not None else figures.NOTHING,
        figures.size(size) if size is not None else figures.NOTHING,
        *([figures.amount(joules) if joules is not None else figures.NOTHING] if energy else []),
    ]
