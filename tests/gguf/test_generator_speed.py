"""Speed of generators of both formats: a report, the gate's `speedup` and the reviewer's page."""

import re
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_generator import ROWS, gguf, hf
from toys import exported, toy

from slmworks import packet
from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.runtime import Timed
from slmworks.evaluate.quality import Quality
from slmworks.evaluate.speed import Speed
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.testing import Bench, sealed

MOST = 40


def tuned(model: Model, most: int = MOST) -> Model:
    meta = {**model.meta, "task": "text-generation", "max_new_tokens": most, "parameters": 62_000}
    return sealed(replace(model, meta=meta, digest=""))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("models")
    found = tuned(toy(folder / "hf"))
    return {"hf": found, "gguf": tuned(exported(found, Bench(folder)))}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "validation", "test"):
        rows = [
            {
                "id": f"{split}-{place}",
                "source": "shop",
                "messages": [
                    {"role": "user", "content": f"Question {place}: what is {place} of {place * 7}?"}
                ],
                "completion": f"It is {place}.",
            }
            for place in range(20)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def test_a_runtime_says_when_its_tokens_were_there(llama: Model, llama_gguf: Model) -> None:
    for runtime in (hf(llama), gguf(llama_gguf)):
        assert isinstance(runtime, Timed)
        answers = runtime.answer(ROWS)
        start = time.perf_counter()
        found = runtime.timed(ROWS)
        passed = time.perf_counter() - start
        assert [one.tokens for one in found] == [answer["tokens"] for answer in answers]
        for row, one in zip(ROWS, found, strict=True):
            assert 0 < one.prompt_tokens <= len(runtime.encode(row))
            assert 0 < one.first_s < one.seconds <= passed
        (alone,) = runtime.timed([{"messages": [{"role": "user", "content": "never asked before"}]}])
        assert alone.prompt_tokens > 1
        assert runtime.timed([]) == []


def test_one_after_the_other_those_behind_wait(llama_gguf: Model) -> None:
    found = gguf(llama_gguf).timed(ROWS)
    for before, after in pairwise(found):
        assert before.seconds <= after.first_s


def test_both_formats_are_measured_decided_on_and_shown(
    models: dict[str, Model], data: Dataset, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    bench.known[models["hf"].digest] = models["hf"]

    def judge(name: str, baseline: Report | None = None) -> Report:
        plugin = Quality(resamples=50, likelihood=False)
        return bench.keep(plugin.run(model=models[name], baseline=baseline, data=data, task=bench.task(name)))

    teacher = judge("hf")
    own = judge("gguf", teacher)
    speed = bench.keep(
        Speed(seconds=3, rounds=4).run(
            model=models["gguf"], baseline=teacher, data=data, task=bench.task("speed")
        )
    )
    said = speed.read()
    for role in ("model", "baseline"):
        one = said[role]
        tokens = one["tokens"]
        assert 0 < tokens["first_token_ms"] < one["p50_ms"]
        assert tokens["answer_tokens_s"] > 1000 * MOST / one["p50_ms"] / 2
        assert tokens["prompt_tokens_s"] > 0
        assert tokens["at_once"]["tokens_s"] == pytest.approx(one["rows_s"] * MOST, rel=0.01)
    assert 3 <= said["rounds"] <= 4
    ratio = said["token_speedups"]["answer"]
    assert ratio["low"] <= ratio["value"] <= ratio["high"]
    wanted = said["model"]["tokens"]["answer_tokens_s"] / said["baseline"]["tokens"]["answer_tokens_s"]
    assert ratio["value"] == pytest.approx(wanted, rel=1e-3)
    assert set(said["trivial"]) == {"nearest training answer", "most frequent answer"}
    assert "tokens" not in said["trivial"]["most frequent answer"]
    assert "xllamacpp" in said["machine"]["versions"]
    assert speed.summary["first_token_ms"] == said["model"]["tokens"]["first_token_ms"]

    gate = PairedBootstrap(retention=0.1, speedup=0.001)
    verdict = gate.run(reports=[own, speed], champion=None, task=bench.task("gate"))
    assert [check["outcome"] for check in verdict.read()["checks"] if check["name"] == "speedup"] == [
        "passed"
    ]
    page = packet.page(verdict.read(), [own, teacher, speed])
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    together = f"{said['batch_size']} at once:" if said["batch_size"] > 1 else "again:"
    assert f"first token ms prompt tokens/s answer tokens/s {together} first token ms tokens/s" in text


@pytest.mark.slow
def test_slow_answers_have_fewer_rounds_and_smaller_batches(tmp_path: Path, data: Dataset) -> None:
    slow = tuned(toy(tmp_path / "slow", num_hidden_layers=12, max_position_embeddings=1024), most=400)
    bench = Bench(tmp_path / "bench")
    report = (
        Speed(seconds=6, trivial=False)
        .run(model=slow, baseline=None, data=data, task=bench.task("speed"))
        .read()
    )
    assert report["model"]["p50_ms"] > 500
    assert report["rounds"] < 12
    assert report["batch_size"] < 32
    assert any("answers are slow; raise `seconds`" in event.get("line", "") for event in bench.events)
