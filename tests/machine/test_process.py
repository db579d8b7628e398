"""The environment of processes that compute."""

import pytest

from slmworks.machine.process import adopt_environment, environment


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment(1):
        monkeypatch.setenv(name, "")  # restored after the test
        monkeypatch.delenv(name)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


def test_threads_soon_sleep_while_they_wait() -> None:
    assert environment(2)["GOMP_SPINCOUNT"] == "10000"
    assert environment(2)["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")])
def test_how_the_user_lets_them_wait_stays(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    before = environment(2).get("GOMP_SPINCOUNT")
    assert before == (value if name == "GOMP_SPINCOUNT" else None)
    adopt_environment(2)
    assert environment(2).get("GOMP_SPINCOUNT") == before
