"""What a request may cost at most: time of all cores, or energy where it was measured."""

from slmworks.contract.errors import BadRequest
from slmworks.gate.candidates import Candidate
from slmworks.gate.checks import Check, Outcome
from slmworks.numbers import figures


def checks(one: Candidate, *, cpu_ms: float | None, joules: float | None) -> list[Check]:
    """One check for each limit that is set; BadRequest where the speed report lacks the number."""
    found = []
    if cpu_ms is not None:
        value = _number(one, "cpu_ms", "add an evaluate step with `uses: speed` to its reports")
        found.append(
            _check("cpu_ms", "CPU ms a request, at most", cpu_ms, value, "ms of all cores a request")
        )
    if joules is not None:
        way = "energy can't be read on the machine that measured it; limit cpu_ms instead"
        value = _number(one, "joules", way)
        found.append(_check("joules", "J for 1,000 requests, at most", joules, value, "J for 1,000 requests"))
    return found


def _number(one: Candidate, name: str, way: str) -> float:
    speed = (one.speed or {}).get("model", {})
    if name not in speed:
        what = "has no speed report" if one.speed is None else f"has a speed report without {name}"
        raise BadRequest(f"the gate limits {name}, but {one.name} {what}; {way}.")
    return float(speed[name])


def _check(name: str, title: str, most: float, value: float, unit: str) -> Check:
    passed = value <= most
    words = f"{value:.3g} {unit}" + ("" if passed else f", {most:g} allowed")
    shown = figures.milliseconds if name == "cpu_ms" else figures.amount
    how: Outcome = "passed" if passed else "missed"
    return Check(name, title, most, value, value, how, words, (f"{most:g}", shown(value), shown(value)))
