import pytest

from slmworks.contract.errors import BadRequest
from slmworks.gate.candidates import Candidate
from slmworks.gate.running_costs import checks


def candidate(**speed):
    return Candidate("int8", None, None, {"model": speed} if speed else None)  # type: ignore[arg-type]


def test_limits_are_decided_on_what_was_measured() -> None:
    (cheap,) = checks(candidate(cpu_ms=1.5), cpu_ms=2.0, joules=None)
    assert (cheap.passed, cheap.words) == (True, "1.5 ms of all cores a request")
    (dear,) = checks(candidate(cpu_ms=2.5), cpu_ms=2.0, joules=None)
    assert (dear.outcome, dear.words) == ("missed", "2.5 ms of all cores a request, 2 allowed")
    (hot,) = checks(candidate(cpu_ms=2.5, joules=40.0), cpu_ms=None, joules=30.0)
    assert (hot.outcome, hot.title) == ("missed", "J for 1,000 requests, at most")
    assert checks(candidate(), cpu_ms=None, joules=None) == []


@pytest.mark.parametrize(
    ("speed", "limits", "problem"),
    [
        ({}, {"cpu_ms": 2.0, "joules": None}, "limits cpu_ms, but int8 has no speed report; add an evaluate"),
        (
            {"cpu_ms": 1.0},
            {"cpu_ms": None, "joules": 9.0},
            "report without joules; energy can't be read .*cpu_ms",
        ),
    ],
)
def test_a_number_that_is_not_there_is_one_line(speed, limits, problem) -> None:
    with pytest.raises(BadRequest, match=problem):
        checks(candidate(**speed), **limits)
