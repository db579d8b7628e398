import pytest

from slmworks.contract.errors import BadRequest
from slmworks.gate.candidates import Candidate
from slmworks.gate.running_costs import Limits


def candidate(**speed):
    return Candidate("int8", None, None, {"model": speed} if speed else None)  # type: ignore[arg-type]


def test_limits_are_decided_on_what_was_measured() -> None:
    (cheap,) = Limits(cpu_ms=2.0).checks(candidate(cpu_ms=1.5))
    assert (cheap.passed, cheap.words) == (True, "1.5 ms of all cores a request")
    (dear,) = Limits(cpu_ms=2.0).checks(candidate(cpu_ms=2.5))
    assert (dear.outcome, dear.words) == ("missed", "2.5 ms of all cores a request, 2 allowed")
    (hot,) = Limits(joules=30.0).checks(candidate(cpu_ms=2.5, joules=40.0))
    assert (hot.outcome, hot.title) == ("missed", "J for 1,000 requests, at most")
    assert Limits().checks(candidate()) == []


@pytest.mark.parametrize(
    ("speed", "limits", "problem"),
    [
        ({}, {"cpu_ms": 2.0}, "limits cpu_ms, but int8 has no speed report; add an evaluate"),
        (
            {"cpu_ms": 1.0},
            {"joules": 9.0},
            "report without joules; energy can't be read .*cpu_ms",
        ),
    ],
)
def test_a_number_that_is_not_there_is_one_line(speed, limits, problem) -> None:
    with pytest.raises(BadRequest, match=problem):
        Limits(**limits).checks(candidate(**speed))
