"""What a model may weigh and a request may cost at most: bytes, milliseconds, time of all cores, energy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from slmworks.contract.errors import BadRequest
from slmworks.gate.candidates import Candidate
from slmworks.gate.checks import Check, counted
from slmworks.numbers import figures

SPEED = "add an evaluate step with `uses: speed` to its reports"


@dataclass(frozen=True)
class Cost:
    """A number of which there may be a limit."""

    title: str
    unit: str
    written: Callable[[float], str]
    way: str
    """What to do where it wasn't measured."""


COSTS: Mapping[str, Cost] = {
    "size_mb": Cost("MB on disk, at most", "MB on disk", figures.amount, ""),
    "p95_ms": Cost("p95 ms a request, at most", "ms at p95", figures.milliseconds, SPEED),
    "cpu_ms": Cost("CPU ms a request, at most", "ms of all cores a request", figures.milliseconds, SPEED),
    "joules": Cost(
        "J for 1,000 requests, at most",
        "J for 1,000 requests",
        figures.amount,
        "energy can't be read on the machine that measured it; limit cpu_ms instead",
    ),
}


@dataclass(frozen=True)
class Limits:
    """The most that is allowed of each; None: any."""

    size_mb: float | None = None
    p95_ms: float | None = None
    cpu_ms: float | None = None
    joules: float | None = None

    @property
    def set(self) -> dict[str, float]:
        """Those that there are."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: most for name, most in found.items() if most is not None}

    @property
    def words(self) -> str:
        """`at most 20 MB on disk and 5 ms at p95`; empty without limits."""
        named = [f"{most:g} {COSTS[name].unit}" for name, most in self.set.items()]
        return f"at most {' and '.join(named)}" if named else ""

    def checks(self, one: Candidate) -> list[Check]:
        """One check for each; BadRequest where the speed report lacks the number."""
        return [_check(name, most, _number(one, name)) for name, most in self.set.items()]

    def excess(self, one: Candidate) -> float:
        """How many times its limit the number is that misses it most; at most 1 where all are kept."""
        return max((_number(one, name) / most for name, most in self.set.items()), default=0.0)

    def nearest(self, found: Sequence[Candidate]) -> tuple[Candidate, str]:
        """Of candidates none of which keeps the limits the one that misses them least, and by how much."""
        one = min(found, key=lambda one: (self.excess(one), one.bytes, one.name))
        missed = [check for check in self.checks(one) if not check.passed]
        by = " and ".join(
            f"{check.written[1]} {COSTS[check.name].unit}, "
            f"{figures.percent(check.measured / check.required - 1)} over"
            for check in missed
        )
        return one, f"none of {len(found)} candidates has {self.words}; {one.name} came nearest: {by}"


def _number(one: Candidate, name: str) -> float:
    if name == "size_mb":
        return one.bytes / 1e6
    speed = (one.speed or {}).get("model", {})
    if name not in speed:
        what = "has no speed report" if one.speed is None else f"has a speed report without {name}"
        raise BadRequest(f"the gate limits {name}, but {one.name} {what}; {COSTS[name].way}.")
    return float(speed[name])


def _check(name: str, most: float, value: float) -> Check:
    cost, passed = COSTS[name], value <= most
    words = f"{value:.3g} {cost.unit}" + ("" if passed else f", {most:g} allowed")

    def written(number: float) -> str:
        return f"{most:g}" if number == most else cost.written(number)

    return counted(name, cost.title, most, value, words, written, passed=passed)
