import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from releases import word_counter
from slmworks.contract.artifact import Report
from slmworks.contract.errors import TaskFailed
from slmworks.evaluate.probe import peak_memory, probe
from slmworks.evaluate.speed import Speed
from slmworks.evaluate.timing import Timings, latency_speedup, throughput_speedup
from slmworks.testing import Bench


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    """A classifier that counts words, as ONNX: loads without torch."""
    return word_counter(tmp_path_factory.mktemp("counter") / "model")


@pytest.fixture(scope="module")
def measured(counter, tiny_reviews, tmp_path_factory):
    """A model measured beside itself, once for all tests."""
    bench = Bench(tmp_path_factory.mktemp("speed"))
    bench.known[counter.digest] = counter
    folder = tmp_path_factory.mktemp("teacher")
    baseline = bench.keep(Report(path=folder, refs={"model": counter.digest}))
    task = bench.task("speed")
    report = Speed(seconds=2, rounds=8).run(model=counter, baseline=baseline, data=tiny_reviews, task=task)
    return report, baseline, bench


def test_a_model_is_about_as_fast_as_itself(measured):
    report = measured[0].read()
    assert report["speedup"]["value"] == pytest.approx(1, abs=0.4)
    assert report["speedup"]["low"] <= report["speedup"]["value"] <= report["speedup"]["high"]
    assert report["throughput"]["value"] == pytest.approx(1, abs=0.4)
    assert report["smaller"] == 1


def test_both_models_get_every_number(measured, counter):
    said = measured[0].read()
    for role in ("model", "baseline"):
        one = said[role]
        assert 0 < one["p50_ms"] <= one["p95_ms"]
        assert one["rows_s"] > 1000 / one["p50_ms"] / 2
        assert one["load_s"] > 0
        files = [f for f in counter.path.iterdir() if f.name != "slmworks.json"]
        assert one["bytes"] == sum(f.stat().st_size for f in files)
    assert said["machine"]["threads"] == 1
    assert said["machine"]["versions"]["torch"] != "absent"


def test_memory_is_that_of_the_probe_and_not_of_this_process(measured):
    ballast = b"x" * 300_000_000
    assert peak_memory() > len(ballast)
    with probe("empty") as one:
        empty = one.memory()
    assert empty < len(ballast) / 2
    assert measured[0].read()["model"]["memory"] > empty


def test_trivial_baselines_are_measured_too(measured):
    trivial = measured[0].read()["trivial"]
    assert set(trivial) == {"majority", "tf-idf + linear"}
    assert trivial["majority"]["p50_ms"] < trivial["tf-idf + linear"]["p50_ms"]
    assert trivial["majority"]["bytes"] < trivial["tf-idf + linear"]["bytes"]


def test_progress_and_refs(measured, counter, tiny_reviews):
    report, baseline, bench = measured
    assert report.refs == {
        "model": counter.digest,
        "data": tiny_reviews.digest,
        "baseline": baseline.digest,
    }
    turns = [e for e in bench.events if e["event"] == "progress" and e["note"] == "in turns"]
    assert [e["done"] for e in turns] == list(range(1, 9))


def test_without_a_baseline_there_are_no_ratios(bench, counter, tiny_reviews):
    plugin = Speed(seconds=0.3, rounds=3, trivial=False)
    report = plugin.run(model=counter, baseline=None, data=tiny_reviews, task=bench.task("alone"))
    assert not {"baseline", "speedup", "smaller", "trivial"} & report.read().keys()


def test_beside_a_process_that_eats_a_core_it_says_so_and_does_not_last(bench, counter, tiny_reviews):
    eater = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        task = replace(bench.task("busy"), threads=os.cpu_count() or 1)
        plugin = Speed(seconds=1, rounds=4, trivial=False)
        report = plugin.run(model=counter, baseline=None, data=tiny_reviews, task=task)
        kept = Speed(seconds=1, rounds=4, trivial=False, busy="keep").run(
            model=counter,
            baseline=None,
            data=tiny_reviews,
            task=replace(bench.task("kept"), threads=task.threads),
        )
    finally:
        eater.kill()
        eater.wait()
    around = report.read()["surroundings"]
    assert around["busy"]
    assert len(around["rounds"]) == 4
    assert not report.lasting
    assert kept.lasting
    assert any(event.get("line", "").startswith("measured on a busy machine: ") for event in bench.events)


def test_ratios_come_with_intervals_over_rounds():
    ours = Timings(singles=[[1.0, 1.2, 1.1]] * 5, batches=[(64, 0.1)] * 5)
    theirs = Timings(
        singles=[[4.0 + i, 4.4, 4.4] for i in range(5)], batches=[(64, 0.3 + i / 10) for i in range(5)]
    )
    latency, throughput = (f(ours, theirs, seed=0) for f in (latency_speedup, throughput_speedup))
    assert latency.value == pytest.approx(4.0)
    assert throughput.value == pytest.approx(5.0)
    assert throughput.low < throughput.value < throughput.high


def test_a_model_that_cannot_be_loaded_fails_with_its_name(counter, tmp_path):
    with probe("student") as one, pytest.raises(TaskFailed, match="measuring student: its process ended"):
        one.load(replace(counter, path=tmp_path), threads=1, model_task="text-classification")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_probe_dies_with_its_parent():
    code = (
        "from slmworks.evaluate.probe import probe\n"
        "with probe('x') as one:\n"
        " one.memory(); print(one._process.pid, flush=True)\n"
        " import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    child = int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout
    )
    for _ in range(50):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if " Z " in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the probe outlived its parent")
