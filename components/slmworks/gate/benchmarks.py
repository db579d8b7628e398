"""Least values of benchmarks: `minimum: {TASK.METRIC: 0.3}`, decided by the end of the interval."""

from slmworks.evaluate.benchmark_report import Result
from slmworks.gate.checks import Check, outcome
from slmworks.numbers import figures


def check_benchmark(name: str, found: Result, required: float) -> Check:
    """Is a benchmark's number surely good enough? Where lower is better, `required` is the largest value."""
    sign = 1 if found.higher_is_better else -1
    how = outcome(sign * found.value, sign * found.least, sign * required)
    side = "least" if found.higher_is_better else "most"
    words = f"{name} {figures.score(found.value)}"
    if found.low is not None and found.high is not None:
        ends = f"95 % interval {figures.score(found.low)} to {figures.score(found.high)}"
        words += f" ({ends}, n = {figures.count(found.n or 0)})"
    if how == "missed":
        words += f", at {side} {required:g} required"
    elif how == "inconclusive":
        words += f", not surely at {side} {required:g}: give the task more rows"
    written = (figures.score(required), figures.score(found.value), figures.score(found.least))
    return Check(name, f"{name}, at {side}", required, found.value, found.least, how, words, written)
