"""From a model of either format to a verdict and the reviewer's page, on a tiny data set."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import exported, toy

from slmworks import packet
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.evaluate.quality import Quality
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.numbers import figures
from slmworks.testing import Bench, sealed

PROMPTS = [f"Question {number}: what is {number} of {number * 7}?" for number in range(12)]
SCHEMA = json.dumps({"type": "object", "required": ["answer"]})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """One model in both formats, and another one."""
    folder = tmp_path_factory.mktemp("models")
    meta = {"task": "text-generation", "max_new_tokens": 8, "parameters": 62_000}

    def of(model: Model) -> Model:
        return sealed(type(model)(path=model.path, format=model.format, meta={**model.meta, **meta}))

    hf = of(toy(folder / "hf"))
    return {
        "hf": hf,
        "gguf": of(exported(hf, Bench(folder))),
        "other": of(toy(folder / "other", "llama-untied")),
    }


def conversation(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def data(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of four rows the model says two as they are; the rest want JSON."""
    folder = tmp_path_factory.mktemp("data")
    runtime = open_runtime(models["hf"], threads=1)
    said = runtime.answer([{"messages": conversation(prompt)} for prompt in PROMPTS])
    for split in ("train", "validation", "test"):
        rows = [
            {
                "id": f"{split}-{place}",
                "source": ("shop", "web")[place % 2],
                "messages": conversation(prompt),
                "completion": f" {answer['text']}\n" if place % 4 < 2 else '{"answer": 1}',
                "schema": None if place % 4 < 2 else SCHEMA,
            }
            for place, (prompt, answer) in enumerate(zip(PROMPTS, said, strict=True))
        ]
        assert all(row["completion"].strip() for row in rows)
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def test_both_formats_come_to_the_same_numbers_a_verdict_and_a_page(
    models: dict[str, Model], data: Dataset, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)

    def judge(name: str, baseline=None):
        plugin = Quality(resamples=200)
        return bench.keep(plugin.run(model=models[name], baseline=baseline, data=data, task=bench.task(name)))

    teacher = judge("hf")
    own, other = judge("gguf", teacher), judge("other", teacher)
    test = teacher.read()["splits"]["test"]
    values = {name: one["value"] for name, one in test["measures"].items()}
    assert list(values) == [
        "exact_match", "token_f1", "rouge_l", "rouge_1", "rouge_2", "bits_per_byte", "perplexity", "valid_json",
    ]  # fmt: skip
    assert values["exact_match"] == 0.5
    assert values["valid_json"] == 0
    assert 0.5 <= values["rouge_l"] <= values["token_f1"] < 0.6
    assert test["details"] == {"cut_off": 12, "tokens": 96}
    assert [(one["kind"], one["value"], one["n"]) for one in test["slices"]] == [
        ("source", "shop", 6),
        ("source", "web", 6),
    ]
    # The training rows are those of the test: the nearest one has the answer.
    trivial = teacher.read()["trivial"]
    assert trivial["nearest training answer"]["test"]["measures"]["exact_match"]["value"] == 1
    assert trivial["nearest training answer"]["test"]["measures"]["valid_json"]["value"] == 1
    assert trivial["most frequent answer"]["test"]["measures"]["exact_match"]["value"] == 0.5
    assert "bits_per_byte" not in trivial["most frequent answer"]["test"]["measures"]
    for name, one in own.read()["splits"]["test"]["measures"].items():
        assert one == pytest.approx(test["measures"][name], rel=1e-3)
        assert name in ("bits_per_byte", "perplexity") or one == test["measures"][name]
    against = own.read()["splits"]["test"]["against"]
    assert (against["retention"]["value"], against["gained"], against["lost"]) == (1, 0, 0)
    assert list(against["further"]) == [
        "token_f1", "rouge_l", "rouge_1", "rouge_2", "bits_per_byte", "perplexity",
    ]  # fmt: skip
    same = against["further"]["bits_per_byte"]
    assert same["theirs"] == values["bits_per_byte"]
    assert same["better"]["value"] == pytest.approx(0, abs=1e-3 * values["bits_per_byte"])
    against = other.read()["splits"]["test"]["against"]
    assert against["lost"] == 6
    worse, theirs = against["further"]["perplexity"], other.read()["splits"]["test"]["measures"]["perplexity"]
    assert worse["better"]["value"] == pytest.approx(values["perplexity"] - theirs["value"], rel=1e-5)

    most = values["bits_per_byte"] + 0.1
    gate = PairedBootstrap(retention=0.5, minimum={"exact_match": 0.1, "bits_per_byte": most})
    verdict = gate.run(reports=[own, other], champion=None, task=bench.task("gate"))
    assert verdict.refs["model"] == models["gguf"].digest
    limits = {check["name"]: check for check in verdict.read()["checks"]}
    assert limits["bits_per_byte"]["title"] == "bits a byte, at most"
    assert limits["bits_per_byte"]["outcome"] == "passed"
    strict = PairedBootstrap(retention=0.5, minimum={"bits_per_byte": values["bits_per_byte"] - 0.1})
    refused = strict.run(reports=[own, other], champion=None, task=bench.task("strict")).read()
    assert not refused["passed"]
    assert "bits a byte" in refused["sentence"]
    page = packet.page(verdict.read(), [own, other, teacher])
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    both = {name: f"{values[name]:.3f}" for name in values}
    rates = [one.read()["splits"]["test"]["measures"] for one in (own, teacher)]
    bits = " ".join(f"{one['bits_per_byte']['value']:.3f}" for one in rates)
    perplexities = " ".join(figures.amount(one["perplexity"]["value"]) for one in rates)
    assert (
        f"answers candidate teacher exact match 0.500 0.500 token F1 {both['token_f1']} {both['token_f1']} "
        f"ROUGE-L {both['rouge_l']} {both['rouge_l']} ROUGE-1 {both['rouge_1']} {both['rouge_1']} "
        f"ROUGE-2 {both['rouge_2']} {both['rouge_2']} bits a byte {bits} perplexity {perplexities} "
        "valid JSON 0.000 0.000 "
        "cut off at the largest length 100.0 % 100.0 % tokens an answer 8.0 8.0"
    ) in text
    assert "nearest training answer" in text


def test_without_likelihoods_their_measures_are_absent_and_a_gate_says_so(
    models: dict[str, Model], data: Dataset, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    plugin = Quality(resamples=50, likelihood=False)
    teacher = bench.keep(plugin.run(model=models["hf"], baseline=None, data=data, task=bench.task("teacher")))
    told = Quality(resamples=50).run(model=models["hf"], baseline=teacher, data=data, task=bench.task("told"))
    assert "perplexity" not in teacher.read()["splits"]["test"]["measures"]
    assert "perplexity" in told.read()["splits"]["test"]["measures"]
    assert list(told.read()["splits"]["test"]["against"]["further"]) == [
        "token_f1",
        "rouge_l",
        "rouge_1",
        "rouge_2",
    ]
    named = Quality(resamples=50, likelihood=False, measure="perplexity")
    with pytest.raises(BadRequest, match="measure: perplexity decides, but it needs likelihood"):
        named.run(model=models["hf"], baseline=None, data=data, task=bench.task("named"))
    silent = bench.keep(
        plugin.run(model=models["hf"], baseline=teacher, data=data, task=bench.task("silent"))
    )
    gate = PairedBootstrap(retention=0.5, minimum={"perplexity": 10})
    with pytest.raises(BadRequest, match=r"^the gate's `minimum` names 'perplexity', which the report on hf"):
        gate.run(reports=[silent], champion=None, task=bench.task("gate"))


def test_a_bare_model_is_judged_untuned(models: dict[str, Model], data: Dataset, tmp_path: Path) -> None:
    bench, bare = Bench(tmp_path), models["hf"]
    bare = sealed(Model(path=bare.path, format="hf", meta={"max_new_tokens": 8}))
    report = Quality(resamples=50).run(model=bare, baseline=None, data=data, task=bench.task("bare"))
    assert report.summary["exact_match"] == 0.5


def test_a_row_out_of_order_stops_the_evaluation_in_a_line(
    models: dict[str, Model], data: Dataset, tmp_path: Path
) -> None:
    rows = data.rows("test", "id", "source", "messages", "completion")
    rows[3]["messages"] = [{"role": "assistant", "content": "a"}]
    for split in ("train", "validation", "test"):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{split}.parquet")
    broken = Dataset(path=tmp_path, meta=data.meta)
    with pytest.raises(BadRequest) as refused:
        Quality().run(
            model=models["hf"], baseline=None, data=broken, task=Bench(tmp_path / "bench").task("q")
        )
    assert str(refused.value) == (
        "the data's split 'validation', row 'test-3': message 1 has the role 'assistant' as the first turn; "
        "user goes there; curate it again."
    )
