"""The table of a verdict: teacher, candidates and trivial baselines, one row each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.plain_text import one_line
from slmworks.numbers import figures
from slmworks.packet import tradeoff

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

COST = ("p50 ms", "rows/s", "on disk", "memory")
"""Headings of the last columns."""
MARK = "◀"
"""Stands behind the name of the chosen candidate."""


def headings(verdict: Mapping[str, Any]) -> list[str]:
    """Headings of the table: name, measures that the verdict names, share kept of the teacher, costs."""
    titles = [str(one["title"]) for one in verdict.get("measures", [])]
    titles[:1] = [f"{title} (95 % CI)" for title in titles[:1]]
    return ["", *titles, "kept", *COST]


def cells(verdict: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """One row of the table as text, in the order of `headings`; candidates are shown as ratios too."""
    kept, written = row.get("kept"), row.get("written", {})
    return [
        f"{row['name']} {MARK}" if row["chosen"] else str(row["name"]),
        *(written.get(one["name"], figures.NOTHING) for one in verdict.get("measures", [])),
        figures.percent(kept["value"]) if kept else figures.NOTHING,
        _with_ratio(row.get("p50_ms"), figures.milliseconds, row.get("speedup")),
        _with_ratio(row.get("rows_s"), figures.rate, row.get("throughput")),
        figures.size(row["bytes"]) if row.get("bytes") is not None else figures.NOTHING,
        figures.size(row["memory"]) if row.get("memory") is not None else figures.NOTHING,
    ]


def caption(verdict: Mapping[str, Any]) -> str:
    """Meaning of the mark in the table."""
    word = "chosen" if verdict.get("passed") else "judged"
    return f"{MARK} {word}: {verdict['because']}" if verdict.get("because") else ""


def beside_linear(verdict: Mapping[str, Any]) -> str:
    """How much better the candidate is than a linear model, or why nobody knows; empty where no gate says."""
    said = verdict.get("linear")
    if not isinstance(said, Mapping):
        return ""
    return str(said.get("words") or f"no linear model ({said.get('name')}) beside it: {said.get('absent')}")


def table(verdict: Mapping[str, Any]) -> "Drawing":
    """The table for a terminal, to be printed by rich; nothing for a verdict without rows."""
    return Drawing(verdict)


@dataclass(frozen=True)
class Drawing:
    """One table where it fits, or quality above cost: a folded number can't be read."""

    verdict: Mapping[str, Any]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw for the width that there is."""
        from rich.measure import Measurement
        from rich.text import Text

        if not self.verdict.get("rows"):
            return
        columns = len(headings(self.verdict))
        whole = self._part(range(columns))
        wanted = Measurement.get(console, options.update(max_width=1000), whole).maximum
        if wanted <= options.max_width:
            yield whole
        else:
            quality = columns - len(COST)
            yield from (self._part(range(quality)), "", self._part([0, *range(quality, columns)]))
        advice = (tradeoff.recommendation(self.verdict), tradeoff.sentence(self.verdict))
        for line in (caption(self.verdict), beside_linear(self.verdict), *advice):
            if line:
                yield Text(one_line(line), style="dim")

    def _part(self, places: Sequence[int]) -> "Table":
        from rich import box
        from rich.table import Table
        from rich.text import Text

        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), show_edge=False)
        named = headings(self.verdict)
        for place in places:
            drawn.add_column(
                Text(one_line(named[place])), justify="left" if place < 2 else "right", no_wrap=True
            )
        for row in self.verdict["rows"]:
            style = "bold" if row["chosen"] else "dim" if row["role"] == "trivial" else None
            written = cells(self.verdict, row)
            drawn.add_row(*(Text(one_line(written[place])) for place in places), style=style)
        return drawn


def _with_ratio(
    value: float | None, written: Callable[[float], str], ratio: Mapping[str, float] | None
) -> str:
    if value is None:
        return figures.NOTHING
    return f"{written(value)} {figures.factor(ratio['value'])}" if ratio else written(value)
