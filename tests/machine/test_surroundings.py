"""What else a machine did: from its counters to a word for the reader."""

import os
import time

import pytest

from slmworks.machine.surroundings import Moment, Round, surroundings


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def moment(clock: float, busy: float, stolen: float) -> Moment:
    return Moment(clock, busy, stolen)


def test_counters_are_seconds_of_all_cores() -> None:
    start = Moment.now()
    while time.perf_counter() < start.clock + 0.5:
        pass
    end = Moment.now()
    assert end.clock - start.clock >= 0.5
    assert end.busy - start.busy >= 0.3  # ticks of 10 ms, and this process may have waited


def test_a_model_that_was_kept_waiting(two_cores: None) -> None:
    there = moment(0.0, 0.0, 0.0)
    rounds = [Round.between(there, there, used=1.0, own=0.5)] * 4
    assert surroundings(rounds, threads=2)["busy"] == "the model had a core for 50% of the time"


def test_where_nobody_tells_what_the_host_did(two_cores: None) -> None:
    start, end = Moment(0.0, 0.0, None), Moment(10.0, 8.0, None)
    found = surroundings([Round.between(start, end, used=8.0, own=0.9)], threads=1)
    assert (found["busy"], found["rounds"][0]["stolen"]) == ("", None)


@pytest.mark.parametrize(
    ("threads", "others", "busy"),
    [
        (2, 0.1, ""),
        (2, 1.0, "other processes used 1.0 of 2 cores"),
        (1, 0.4, ""),
        (1, 1.0, "other processes used 1.0 of 2 cores"),
    ],
)
def test_others_disturb_where_they_leave_too_little(threads, others, busy, two_cores) -> None:
    start, end = moment(10.0, 100.0, 0.0), moment(12.0, 100.0 + 2 * others + 1.5, 0.0)
    rounds = [Round.between(start, end, used=1.5, own=1.0)] * 4
    assert rounds[0].others == pytest.approx(others)
    assert surroundings(rounds, threads=threads)["busy"] == busy


def test_one_disturbed_round_of_many_is_no_busy_machine(two_cores: None) -> None:
    quiet, loud = Round(0.0, 0.0, 1.0, 0.1), Round(1.5, 0.0, 1.0, 0.1)
    assert surroundings([quiet] * 9 + [loud], threads=2)["busy"] == ""
    assert surroundings([quiet] * 9 + [loud] * 3, threads=2)["busy"] != ""


def test_time_that_the_host_gave_to_others(two_cores: None) -> None:
    start, end = moment(0.0, 0.0, 0.0), moment(10.0, 8.0, 4.0)
    found = surroundings([Round.between(start, end, used=8.0, own=0.9)] * 3, threads=1)
    assert found["busy"] == "the host gave 20% of the machine to others"
    assert found["rounds"][0] == pytest.approx(
        {"others": 0.0, "stolen": 0.2, "own": 0.9, "load": found["rounds"][0]["load"]}
    )
