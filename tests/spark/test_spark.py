"""Spark itself: threads of this machine, two executors, one of them killed. The bytes are those of one process."""

import importlib.util
import shutil
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from spread import curated, make_rows

from commands import Line
from slmworks.contract.errors import BadRequest

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java"),
]

OPTIONS: dict[str, Any] = {
    "near_duplicates": 0.8,
    "redact": ["email", "ip"],
    "operators": [{"length": {"min_words": 2}}, {"secrets": {}}],
}
EXECUTOR = "CoarseGrainedExecutorBackend"
TWO = {"engine": "spark", "master": "local-cluster[2,1,1500]"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rows(tmp_path_factory.mktemp("spread") / "raw", 20_000)


@pytest.fixture(scope="module")
def here(raw: Path) -> str:
    return curated(raw, OPTIONS)


def executors() -> list[psutil.Process]:
    """JVMs of executors that this process started."""
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            found += [one] if any(EXECUTOR in word for word in one.cmdline()) else []
        except psutil.Error:
            continue
    return found


def listening() -> set[str]:
    """Addresses at which processes that this one started listen."""
    addresses = set()
    for one in psutil.Process().children(recursive=True):
        try:
            found = one.net_connections("inet")
        except psutil.Error:
            continue
        addresses |= {
            each.laddr.ip.removeprefix("::ffff:") for each in found if each.status == psutil.CONN_LISTEN
        }
    return addresses


def test_threads_of_this_machine(raw: Path, here: str) -> None:
    seen: set[str] = set()
    assert (
        curated(raw, OPTIONS, {"engine": "spark", "master": "local[2]"}, lambda _: seen.update(listening()))
        == here
    )
    assert seen == {"127.0.0.1"}
    assert executors() == []


def test_two_executors_one_of_them_killed_in_the_middle(raw: Path, here: str) -> None:
    killed: list[int] = []
    seen: set[str] = set()

    def kill(event: dict[str, Any]) -> None:
        seen.update(listening())
        if event["event"] == "progress" and event["done"] and not killed:
            victim = executors()[0]
            victim.send_signal(signal.SIGKILL)
            killed.append(victim.pid)

    assert curated(raw, OPTIONS, TWO, kill) == here
    assert len(killed) == 1
    assert seen == {"127.0.0.1"}
    assert executors() == []


def test_what_an_operator_says_on_an_executor_is_one_line(raw: Path) -> None:
    options = {"operators": [{"expression": {"keep": "CAST(text AS INTEGER) > 0"}}]}
    said = []
    for settings in (None, {"engine": "spark", "master": "local[2]"}):
        with pytest.raises(BadRequest) as caught:
            curated(raw, options, settings)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "all/a.jsonl row 1:" in said[0]
    assert "\n" not in said[0]


def test_an_address_without_spark_is_said_in_one_line(raw: Path) -> None:
    with pytest.raises(
        BadRequest, match=r"^curate\.master: Spark did not start at spark://127\.0\.0\.1:1 .*\.$"
    ):
        curated(raw, {}, {"engine": "spark", "master": "spark://127.0.0.1:1"})


def test_a_run_on_spark_is_found_by_a_run_without(tmp_path: Path) -> None:
    make_rows(tmp_path / "data", 1_500)
    (tmp_path / "line.yaml").write_text(
        "name: line\nsteps:\n"
        "  raw: {stage: fetch, uses: files, from: {all: data/all}}\n"
        "  curate: {uses: text, from: {data: raw}, with: {near_duplicates: 0.8}}\n"
    )
    (tmp_path / "engine.yaml").write_text('store: store\ncurate: {engine: spark, master: "local[1]"}\n')
    line = Line(tmp_path)
    line("run", "line.yaml", "--engine-file", "engine.yaml", "--tracking", "none")
    said = line("run", "line.yaml", "--store", "store", "--tracking", "none")
    assert "cached" in said
