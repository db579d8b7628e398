"""Spark itself: threads of this machine, two executors, one of them killed. The bytes are those of one process."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from click.testing import CliRunner
from spread import curated, make_rows

from commands import Line
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks_spark import submitted
from slmworks_spark.command import spark_application
from slmworks_spark.engine import Spark

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
RECIPE = """\
name: line
steps:
  raw: {stage: fetch, uses: files, from: {all: data/all}}
  curate: {uses: text, from: {data: raw}, with: {near_duplicates: 0.8}}
"""
ENGINE = """\
curate: {engine: spark, master: "local[1]"}
families: {slmworks-text: {image: "works/slmworks-spark:1.0"}}
"""
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
        TaskFailed, match=r"^Spark at spark://127\.0\.0\.1:1 ended, or was never reached; .*\.$"
    ):
        curated(raw, {}, {"engine": "spark", "master": "spark://127.0.0.1:1"})


def test_the_image_s_entry_point_is_an_executor(tmp_path: Path) -> None:
    engine = Spark(master="local-cluster[1,1,1500]")
    with engine.start("entry", tmp_path) as workers:
        context = workers.context
        options = context._jvm.org.apache.spark.launcher.JavaModuleOptions.defaultModuleOptionArray()
        variables = {
            "SPARK_DRIVER_URL": f"spark://CoarseGrainedScheduler@127.0.0.1:{context.getConf().get('spark.driver.port')}",
            "SPARK_EXECUTOR_ID": "77",
            "SPARK_EXECUTOR_CORES": "1",
            "SPARK_APPLICATION_ID": context.applicationId,
            "SPARK_EXECUTOR_POD_IP": "127.0.0.1",
            "SPARK_RESOURCE_PROFILE_ID": "0",
            "SPARK_EXECUTOR_POD_NAME": "entry-exec-77",
            "SPARK_EXECUTOR_MEMORY": "512m",
            **{f"SPARK_JAVA_OPT_{number}": option for number, option in enumerate(options)},
        }
        command = [sys.executable, "-m", "slmworks_spark", "executor"]
        with (tmp_path / "executor.log").open("w") as log:
            ours = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log)
        try:
            end = time.monotonic() + 300
            while context._jsc.sc().getExecutorMemoryStatus().size() < 3:  # the driver's is one
                assert ours.poll() is None, (tmp_path / "executor.log").read_text()
                assert time.monotonic() < end
                time.sleep(0.5)
            ids = set(workers.map(partial(os.getenv, "SPARK_EXECUTOR_ID"), ["none"] * 40))
            assert ids == {"77", "none"}  # of both executors
        finally:
            ours.kill()
            ours.wait()


def test_a_run_on_spark_is_found_by_one_without_and_made_again_by_a_submitted_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rows(tmp_path / "data", 1_500)
    (tmp_path / "line.yaml").write_text(RECIPE)
    volume = f"store: {tmp_path}/store\nvolumes: [{{claim: works, path: {tmp_path}}}]\n"
    (tmp_path / "engine.yaml").write_text(f"{volume}{ENGINE}")
    line = Line(tmp_path)
    line("run", "line.yaml", "--engine-file", "engine.yaml", "--tracking", "none")
    assert "cached" in line("run", "line.yaml", "--store", "store", "--tracking", "none")
    first = min((tmp_path / "store" / "runs").iterdir())
    made = json.loads((first / "curate.json").read_text())["manifest"]["digest"]

    (tmp_path / "engine.yaml").write_text(f"{volume}{ENGINE.replace('local[1]', 'k8s://https://none')}")
    monkeypatch.chdir(tmp_path)
    words = ["line.yaml", "curate", "--engine-file", "engine.yaml", "--run", first.name, "--again"]
    ran = CliRunner().invoke(spark_application, words, standalone_mode=False, catch_exceptions=False)
    arguments = yaml.safe_load(ran.output)["spec"]["arguments"]
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks_spark", "driver", "--master", "local[1]", submitted.__file__, *arguments,
         f"--out={tmp_path}/made.json"],
        capture_output=True, text=True, check=False, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads((tmp_path / "made.json").read_text())["digest"] == made
