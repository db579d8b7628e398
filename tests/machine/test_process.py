"""The environment of processes that compute."""

import pytest

from slmworks.machine.process import adopt_environment, environment


def test_threads_sleep_while_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert environment(2)["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment(2)["OMP_NUM_THREADS"] == "2"


def test_the_users_policy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment(2)["OMP_WAIT_POLICY"] == "ACTIVE"
    for name, value in environment(2).items():  # restored after the test
        monkeypatch.setenv(name, value)
    adopt_environment(2)
    assert environment(2)["OMP_WAIT_POLICY"] == "ACTIVE"
