"""A hosted teacher that is our own server with a real model: what is asked for over HTTP is what it says itself."""

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving import Served

from generators import NAME, generator
from slmworks import packet
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings, TooLong
from slmworks.contract.runtime import open_runtime
from slmworks.evaluate.quality import Quality
from slmworks.evaluate.speed import Speed
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.registry.mlflow_files import standalone_runtime
from slmworks.teachers.ask import Question, ask
from slmworks.testing import Bench, sealed


def alone(served: Served, row, settings: Settings) -> Generated:
    """What the model says without HTTP; the server's answers are made piece by piece, too."""
    found = served.runtime.stream(served.runtime.prepare(row, settings), lambda _: False)
    assert found is not None
    return found


def conversation(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def served(generator_release) -> Iterator[Served]:
    with Served(generator_release, slots=2, context=512) as served:
        yield served


@pytest.fixture(scope="module")
def teacher(served: Served, tmp_path_factory) -> Model:
    folder = tmp_path_factory.mktemp("fetched")
    (folder / "teacher").mkdir()
    said = {
        "address": f"{served.address}/v1",
        "model": NAME,
        "prices": {"prompt": 1.0, "answer": 2.0, "currency": "EUR"},
    }
    (folder / "teacher" / "own.hosted.json").write_text(json.dumps(said))
    return Model.from_files(Files(path=folder, digest="a" * 64))


def test_answers_are_what_the_model_says_itself(served: Served, teacher: Model, bench: Bench) -> None:
    rows = [{"messages": conversation(f"What is {number}?")} for number in range(6)]
    found = ask(teacher, [Question(row, Settings(max_tokens=12)) for row in rows], bench.task("one"))
    own = [alone(served, row, Settings(max_tokens=12)) for row in rows]
    assert [(one.text, one.finish, one.tokens, one.prompt_tokens) for one in found] == [
        (one.answer["text"], one.finish, one.tokens, one.prompt_tokens) for one in own
    ]
    (ledger,) = bench.ledgers.values()
    cost = ledger.spent
    assert cost.tokens == sum(one.tokens for one in found)
    assert cost.money == pytest.approx((cost.prompt_tokens + 2 * cost.tokens) / 1e6)
    assert ask(teacher, [Question(rows[0], Settings(max_tokens=12))], bench.task("two")) == found[:1]
    assert ledger.spent == cost


def test_seeds_schemas_and_raw_text_are_the_models_own(served: Served, teacher: Model) -> None:
    schema = json.dumps({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]})
    asked = [
        ({"messages": conversation("Hi")}, Settings(temperature=1.0, seed=1, max_tokens=8)),
        ({"messages": conversation("Hi")}, Settings(schema=schema, max_tokens=40)),
        (
            {"messages": [{"role": "prompt", "content": "The shop"}]},
            Settings(max_tokens=8, temperature=0.7, seed=2),
        ),
        ({"messages": conversation("word " * 800)}, Settings()),
    ]
    found: dict = {}
    open_runtime(teacher, threads=1, model_task="text-generation").write(asked, found.__setitem__)
    own = [alone(served, *one) for one in asked[:3]]
    assert [found[place].answer for place in range(3)] == [one.answer for one in own]
    assert isinstance(json.loads(found[1].answer["text"])["a"], bool)
    assert found[0].by.model == NAME
    assert found[0].by.fingerprint == served.entry.model_digest[:16]
    assert isinstance(found[3], TooLong)


@pytest.fixture(scope="module")
def data(served: Served, tmp_path_factory) -> Dataset:
    """Of four rows the model says two as they are."""
    folder = tmp_path_factory.mktemp("data")
    asked = [{"messages": conversation(f"Question {place}")} for place in range(4)]
    said = [alone(served, row, Settings()).answer for row in asked]
    rows = [
        {"id": str(place), "source": "", **asked[place],
         "completion": one["text"] if place % 2 else "another answer"}
        for place, one in enumerate(said)
    ]  # fmt: skip
    for split in ("train", "validation", "test"):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def test_a_candidate_is_judged_beside_it_and_the_tables_know_what_is_unknown(
    served: Served, teacher: Model, toy_gguf, data: Dataset, bench: Bench, monkeypatch
) -> None:
    monkeypatch.setattr("slmworks_hosted.requests.MAX_NEW_TOKENS", served.runtime.most)

    def judge(name: str, model: Model, baseline=None):
        task = bench.task(name)
        return bench.keep(Quality(resamples=100).run(model=model, baseline=baseline, data=data, task=task))

    bench.known[teacher.digest] = teacher
    hosted = judge("hosted", teacher)
    about, test = hosted.read()["model"], hosted.read()["splits"]["test"]
    assert about == {"format": "openai", "parameters": None, "bytes": None}
    assert test["measures"]["exact_match"]["value"] == 0.5
    details = test["details"]
    assert details["tokens"] > 0
    assert details["money"] == pytest.approx(
        (details["prompt_tokens"] + 2 * details["tokens"]) / 1e6, abs=1e-6
    )

    own = judge("own", generator(toy_gguf, bench.folder / "own", max_new_tokens=12), hosted)
    gate = PairedBootstrap(retention=0.1, confidence=0.6)
    verdict = bench.keep(gate.run(reports=[own], champion=None, references=None, task=bench.task("gate")))
    (row,) = [one for one in verdict.read()["rows"] if one["role"] == "candidate"]
    assert row["smaller"] is None
    assert "tokens an answer" in packet.page(verdict.read(), [own, hosted])
    strict = PairedBootstrap(retention=0.1, confidence=0.6, smaller=2)
    with pytest.raises(BadRequest, match="smaller: the candidates' baseline is a hosted model"):
        strict.run(reports=[own], champion=None, references=None, task=bench.task("strict"))
    again = judge("again", teacher, own)
    with pytest.raises(BadRequest, match="a hosted model can't be chosen"):
        gate.run(reports=[again], champion=None, references=None, task=bench.task("no"))


def test_it_is_neither_timed_nor_released(teacher: Model, data: Dataset, bench: Bench) -> None:
    with pytest.raises(BadRequest, match="the speed of a hosted model is none of this machine"):
        Speed().run(model=teacher, baseline=None, data=data, task=bench.task("speed"))
    with pytest.raises(BadRequest, match="a hosted model cannot be released: nobody here has its weights"):
        standalone_runtime(teacher)
