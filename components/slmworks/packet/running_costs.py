"""Energy, CO2 and money of 1,000 requests, and after how many a smaller model has paid for itself.

Energy is measured where every speed report has it, and otherwise estimated from CPU time: one source for all
that is compared, and the page says which.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.contract.costs import Costs
from slmworks.contract.manifest import Manifest
from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join


@dataclass(frozen=True)
class Spent:
    """CPU-seconds of the steps on the way to a model, and what computing costs."""

    whole: float
    """Of every step, data and teacher included."""
    own: float | None
    """Of those that what it is compared with did not need; None where that is not known."""
    unknown: int
    """Models of which nobody has measured it."""
    costs: Costs


def spent_of(way: Mapping[str, Manifest], baseline: Mapping[str, Manifest], costs: Costs) -> Spent | None:
    """What was computed on the way to a model, and of that on the way to it alone; None for no way.

    `baseline`: the way to what it is compared with; empty where nobody knows.
    """
    if not way:
        return None
    each = {digest: one.cpu_seconds for digest, one in way.items()}
    alone = sum(seconds for digest, seconds in each.items() if digest not in baseline)
    own = alone if baseline else None
    unknown = sum(one.kind == "Model" and not one.cpu_seconds for one in way.values())
    return Spent(sum(each.values()), own, unknown, costs)


def section(verdict: Mapping[str, Any], reports: Sequence[Report], spent: Spent | None) -> Html:
    """A line for the teacher and each candidate that a speed report measured, and what making it took."""
    known = served(verdict, reports)
    if not known:
        return Html("")
    costs = spent.costs if spent else Costs()
    measured = all("joules" in one for one in known.values())
    lines = [_line(name, one, costs, measured=measured) for name, one in known.items()]
    headings = ["", "CPU ms a request", f"energy for 1,000 ({'measured' if measured else 'estimated'})"]
    headings += ["CO2 for 1,000"] if costs.grams_co2_per_kwh is not None else []
    headings += [f"{costs.currency} for 1,000"] if costs.currency_per_cpu_hour is not None else []
    said = [_source(costs, measured=measured)]
    if spent:
        said += [_making(spent), paid_back(verdict, known, spent)]
    return join(
        [
            el("h2", "Energy and money"),
            grid(headings, lines, label="Energy and money"),
            *(el("p", words, class_="soft") for words in said if words),
        ]
    )


def served(verdict: Mapping[str, Any], reports: Sequence[Report]) -> dict[str, Mapping[str, Any]]:
    """Name -> what a speed report says of a model; the teacher, beside the chosen one, first."""
    speeds = {report.refs["model"]: report.read() for report in reports if report.meta.get("type") == "speed"}
    found: dict[str, Mapping[str, Any]] = {}
    rows = [row for row in verdict.get("rows", []) if row.get("model") in speeds]
    chosen = next((row for row in rows if row["chosen"]), None)
    if chosen and "baseline" in speeds[chosen["model"]]:
        found["teacher"] = speeds[chosen["model"]]["baseline"]
    found |= {str(row["name"]): speeds[row["model"]]["model"] for row in rows}
    return {name: one for name, one in found.items() if one.get("cpu_ms") is not None}


def _line(name: str, one: Mapping[str, Any], costs: Costs, *, measured: bool) -> list[str]:
    seconds = float(one["cpu_ms"])  # of 1,000 requests
    joules = float(one["joules"]) if measured else costs.joules(seconds)
    grams, money = costs.grams(joules), costs.money(seconds)
    cells = [name, figures.milliseconds(seconds), _small(joules, "J")]
    cells += [] if grams is None else [_small(grams, "g")]
    return cells + ([] if money is None else [_plain(money, 2)])


def _source(costs: Costs, *, measured: bool) -> str:
    """Where the numbers come from."""
    words = [
        "Energy: measured, of this machine's processors while each model answered in turn (RAPL)."
        if measured
        else f"Energy: estimated, {costs.watts_per_core:g} W a core times CPU time."
    ]
    if costs.grams_co2_per_kwh is not None:
        words.append(f"CO2: {costs.grams_co2_per_kwh:g} g a kWh.")
    if costs.currency_per_cpu_hour is not None:
        words.append(f"Money: {costs.currency_per_cpu_hour:g} {costs.currency} for a core's hour.")
    return " ".join([*words, "Factors are those of the engine file (costs), or its defaults."])


def _making(spent: Spent) -> str:
    """What making the model took, all of it and, where that is known, beyond what its teacher needed."""
    if not spent.whole:
        return ""
    lacks = f" ({spent.unknown} models without a measurement)" if spent.unknown else ""
    beyond = (
        ""
        if spent.own is None
        else f"; of these, beyond what the teacher needed, {_amounts(spent.own, spent.costs)}"
    )
    took = _amounts(spent.whole, spent.costs)
    return f"Making the chosen model took {took}{lacks}{beyond} (energy estimated)."


def paid_back(verdict: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], spent: Spent) -> str:
    """After how many requests the chosen model has saved what making it took beyond its teacher."""
    chosen = next((str(row["name"]) for row in verdict.get("rows", []) if row["chosen"]), "")
    if not spent.own or "teacher" not in known or chosen not in known:
        return ""
    saved = float(known["teacher"]["cpu_ms"]) - float(known[chosen]["cpu_ms"])
    if saved <= 0:
        return "It never pays for itself in computing time: a request takes no less than of the teacher."
    requests = math.ceil(round(1000 * spent.own / saved, 3))
    return (
        f"Against serving the teacher it has paid for itself after {figures.count(requests)} requests: each "
        f"saves {figures.milliseconds(saved)} ms of all cores."
    )


def _amounts(seconds: float, costs: Costs) -> str:
    """`3.2 min of all cores (2.9 kJ, 0.3 g CO2, 0.01 EUR)`."""
    joules = costs.joules(seconds)
    grams, money = costs.grams(joules), costs.money(seconds)
    words = [figures.energy(joules)]
    words += [] if grams is None else [f"{_small(grams, 'g')} CO2"]
    words += [] if money is None else [f"{_plain(money, 2)} {costs.currency}"]
    return f"{figures.duration(seconds)} of all cores ({', '.join(words)})"


def _small(value: float, unit: str) -> str:
    """Three digits of what may be far below 1."""
    return figures.energy(value) if unit == "J" and value >= 1000 else f"{_plain(value, 3)} {unit}"


def _plain(value: float, digits: int) -> str:
    """So many digits that matter, without a power of ten: 0.000015, 4,120."""
    return format(Decimal(f"{value:.{digits}g}"), ",f")
