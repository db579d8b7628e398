"""`export/scope` of a generator: the threshold ships in the folder, and each answer says what follows from it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import exported, toy

from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings, Slots
from slmworks.contract.options import configure
from slmworks.contract.runtime import open_runtime
from slmworks.contract.scope import scope_of
from slmworks.evaluate.quality import Quality
from slmworks.export.scope import ChooseScope
from slmworks.model_tasks.text_generation.scope import NO_ANSWER, sureness
from slmworks.registry.standalone import standalone_source
from slmworks.testing import Bench, sealed
from slmworks_gguf.generator import GgufGenerator
from slmworks_gguf.in_context import InContextLearning

MOST = 8


def asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def unasked(*_: Any) -> Any:
    raise AssertionError("the model was asked")


def near(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer; what llama.cpp has from the prompt before moves the last digit of its score."""
    return {**answer, "scope_score": pytest.approx(answer["scope_score"], abs=2e-4)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """A random model of short answers, in both formats, with the header of a generator."""
    folder = tmp_path_factory.mktemp("plain")
    hf = toy(folder / "hf", max_position_embeddings=512)
    meta = {**hf.meta, "task": "text-generation", "max_new_tokens": MOST}
    hf = sealed(replace(hf, meta=meta, digest=""))
    return {"hf": hf, "gguf": exported(hf, Bench(folder))}


@pytest.fixture(scope="module")
def data(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Every other row's true answer is the model's own; the out-of-scope questions are words of code."""
    folder = tmp_path_factory.mktemp("data")
    runtime = open_runtime(models["gguf"], threads=1)
    for split, count in (("train", 20), ("validation", 20), ("test", 12)):
        questions = [asked(f"{split} {number}?") for number in range(count)]
        said = [one["text"] for one in runtime.answer(questions)]
        rows = [
            {"id": f"{split}{at}", "source": "s", **row, "completion": text if at % 2 else f"no {text}"}
            for at, (row, text) in enumerate(zip(questions, said, strict=True))
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    for split in ("validation", "test"):
        strange = [
            {"id": f"o{at}", "source": "s", **asked(f"{{{at}}}\n" * 9), "completion": None} for at in range(6)
        ]
        pq.write_table(pa.Table.from_pylist(strange), folder / f"out_of_scope_{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def scoped(model: Model, data: Dataset, bench: Bench, name: str = "scope", **options: Any) -> Model:
    plugin = configure(ChooseScope, "scope", {"batch_size": 4, **options})
    return sealed(plugin.run(model=model, calibration=data, task=bench.task(name)))


@pytest.mark.parametrize("kind", ["hf", "gguf"])
def test_the_threshold_keeps_validation_and_ships_in_the_folder(
    kind: str, models: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    made = scoped(models[kind], data, bench)
    scope = scope_of(made)
    assert scope is not None
    assert (scope.score, scope.rows) == ("mean-logprob", 20)
    assert json.loads((made.path / "scope.json").read_text()) == scope.model_dump()
    assert made.summary["in_scope_recall"] >= 0.95
    assert 0 <= made.summary["out_of_scope_auroc"] <= 1
    runtime = open_runtime(made, threads=1)
    rows = data.rows("validation", "messages")
    answers = runtime.answer(rows)
    scores = [one["scope_score"] for one in answers]
    assert [one["in_scope"] for one in answers] == [score >= scope.threshold for score in scores]
    assert sum(one["in_scope"] for one in answers) / 20 >= 0.95
    assert all(score < 0 for score in scores)
    plain = open_runtime(models[kind], threads=1)
    known = ("text", "finish", "tokens")
    assert [{key: one[key] for key in known} for one in answers] == plain.answer(rows)
    sure = [found["mean-logprob"] for _, found in plain.sure_answers(rows)]
    assert sure == pytest.approx(scores, abs=2e-4)
    assert "in_scope" not in plain.answer(rows[:1])[0]


def test_a_stream_a_release_and_the_server_say_the_same(
    models: dict[str, Model], data: Dataset, bench: Bench, tmp_path: Path
) -> None:
    from starlette.testclient import TestClient

    from slmworks.contract import catalog
    from slmworks_serve.app import Service, create_app
    from slmworks_serve.hand_off import Bounds, HandOff
    from slmworks_serve.model import Loaded, Served

    made = scoped(models["gguf"], data, bench, in_scope_recall=0.5)
    rows = data.rows("test", "messages")
    wanted = open_runtime(made, threads=1).answer(rows)
    outside = sum(not one["in_scope"] for one in wanted)
    assert 0 < outside < len(rows)
    runtime = open_runtime(made, threads=1, slots=Slots(1))
    for settings in (Settings(), Settings(logprobs=2)):
        pieces: list[Any] = []
        take = pieces.append
        generated = runtime.stream(runtime.prepare(rows[0], settings), lambda one, take=take: bool(take(one)))
        assert generated.answer == near(wanted[0])
        assert any(one.logprobs for one in pieces) == (settings.logprobs is not None)

    (tmp_path / "runtime.py").write_text(standalone_source(GgufGenerator))
    code = (
        f"import json, runtime; print(json.dumps(runtime.GgufGenerator({str(made.path)!r}).answer({rows!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules['slmworks'] = None; {code}"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [near(one) for one in wanted]

    purpose = catalog.model_task("text-generation")
    known = {"scope": made.meta["scope"]}
    service = Service(Loaded(Served("toy", 3, made.digest, ""), purpose, runtime, shared=known), 1)
    service.hand_offs = HandOff(str(tmp_path / "kept"), Bounds()).opened(service)
    service.hand_offs.start()
    with TestClient(create_app(service)) as client:
        for row, answer in zip(rows, wanted, strict=True):
            said = client.post("/generate", json=row).json()
            assert (said["in_scope"], said["scope_score"]) == (
                answer["in_scope"],
                near(answer)["scope_score"],
            )
        first = {**rows[0], "max_tokens": MOST}
        (choice,) = client.post("/v1/chat/completions", json=first).json()["choices"]
        assert (choice["in_scope"], choice["logprobs"]) == (wanted[0]["in_scope"], None)
        counted = outside + (not wanted[0]["in_scope"])
        metrics = client.get("/metrics").text
    assert f'slmworks_out_of_scope_total{{version="3"}} {counted}.0' in metrics
    service.hand_offs.stop()
    kept = [line for file in (tmp_path / "kept").iterdir() for line in file.read_text().splitlines()]
    assert len(kept) == counted
    assert json.loads(kept[0])["messages"][0]["content"].startswith("test ")


def test_rows_out_of_scope_are_asked_with_their_own_schema(
    models: dict[str, Model], data: Dataset, bench: Bench, tmp_path: Path
) -> None:
    """As `export/scope` asks those of validation, on which the threshold was chosen."""
    from slmworks.contract import catalog
    from slmworks.evaluate.answering import Answers
    from slmworks.evaluate.scope import Outside

    options = {"examples": 0, "grammar": "schema", "json_schema": {"enum": ["by the model's"]}}
    shots = configure(InContextLearning, "in-context", {**options, "max_new_tokens": 40})
    model = sealed(shots.run(model=models["gguf"], data=data, embedder=None, task=bench.task("shots")))
    row = {"id": "o", "source": "s", **asked("red?"), "completion": None, "schema": '{"enum": ["its own"]}'}
    (tmp_path / "own").mkdir()
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "own" / "out_of_scope_test.parquet")
    own = sealed(Dataset(path=tmp_path / "own", meta={"task": "text-generation"}))
    given = Answers(model, catalog.model_task("text-generation"), bench.task("judged"), batch_size=1)
    (answer,) = Outside.of(given, own, ["test"]).answers["test"]
    assert answer["text"] == '"its own"'


def test_a_hand_off_redacts_the_answer_before_it_is_cut(tmp_path: Path) -> None:
    from slmworks.contract import catalog
    from slmworks_serve.hand_off import KINDS, Bounds, HandOffs
    from slmworks_serve.hand_off_place import place_of
    from slmworks_serve.model import Served
    from slmworks_text.personal import Redactor

    purpose = catalog.model_task("text-generation")
    kept = HandOffs(place_of(str(tmp_path / "kept")), Bounds(), redactor=Redactor(KINDS, "US"))
    kept.start()
    texts = ["I wrote to ann@example.org today", f"{'so ' * 64}to ann@example.org"]
    outside = [(asked("Is it ann@example.org?"), {"text": text, "scope_score": -1.0}) for text in texts]
    kept.offer(purpose, outside, Served("toy", 3, "", ""))
    kept.stop()
    (file,) = (tmp_path / "kept").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["answer"] == "I wrote to <EMAIL> today"
    assert lines[1]["answer"] == f"{'so ' * 64}to <EMAI"
    assert "ann" not in file.read_text()


def test_a_draft_would_move_the_log_probabilities_and_is_refused(
    models: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    made = scoped(models["gguf"], data, bench)
    with pytest.raises(BadRequest, match="threshold of scope is for mean-logprob, and with a draft"):
        open_runtime(made, threads=1, slots=Slots(1, 512, 1, models["gguf"]))


def test_a_report_says_how_well_right_answers_are_told_from_wrong_ones(
    models: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    made = scoped(models["gguf"], data, bench)
    task = bench.task("quality")
    quality = Quality(resamples=50, likelihood=False)
    report = bench.keep(quality.run(model=made, baseline=None, data=data, task=task))
    said = json.loads((report.path / "report.json").read_text())["splits"]["test"]
    answers = open_runtime(made, threads=1).answer(data.rows("test", "messages"))
    right, wrong = ([answers[at]["scope_score"] for at in range(12) if at % 2 == odd] for odd in (1, 0))
    pairs = [(one > other) + (one == other) / 2 for one in right for other in wrong]
    assert said["measures"]["wrong_answer_auroc"]["value"] == pytest.approx(sum(pairs) / 36, abs=1e-4)
    assert said["measures"]["in_scope_recall"]["value"] > 0.5
    assert "out_of_scope_recall" in said["measures"]
    curve = said["details"]["scope"]["curve"]
    assert (curve[0]["kept"], curve[0]["exact_match"]["value"]) == (1.0, 0.5)
    assert [one["kept"] for one in curve] == sorted((one["kept"] for one in curve), reverse=True)


def test_passages_bring_scores_of_their_own_and_no_answer_is_out_of_scope(
    models: dict[str, Model], data: Dataset, embedder: Model, bench: Bench, tmp_path: Path
) -> None:
    from slmworks_gguf.retrieval_augmented import RetrievalAugmentedGeneration

    known = "Exchange rates are set at nine."
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(known)
    rows = [{"id": f"{at}", "source": "s", **asked(known), "completion": "Yes."} for at in range(20)]
    (tmp_path / "asked").mkdir()
    for split in ("train", "validation"):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "asked" / f"{split}.parquet")
    near_ones = sealed(Dataset(path=tmp_path / "asked", meta={"task": "text-generation"}))
    documents = sealed(Files(path=tmp_path / "docs"))
    options = {"passages": 1, "chunk_tokens": 20, "least": 0.99, "abstention": "I don't know."}
    plugin = configure(RetrievalAugmentedGeneration, "retrieval-augmented", options)
    ports: dict[str, Any] = {"documents": documents, "embedder": embedder, "data": data}
    rag = sealed(plugin.run(model=models["gguf"], task=bench.task("rag"), **ports))
    made = scoped(rag, near_ones, bench, score="retrieval")
    near, far = open_runtime(made, threads=1).answer([asked(known), asked("Why?")])
    assert near["passages"]
    assert near["in_scope"]
    assert near["scope_score"] == near["passages"][0]["cosine"]
    assert (far["text"], far["in_scope"], far["scope_score"]) == ("I don't know.", False, NO_ANSWER)
    streaming = open_runtime(made, threads=1, slots=Slots(1))
    assert streaming.stream(streaming.prepare(asked("Why?"), Settings()), lambda _: False).answer == far
    with pytest.raises(
        BadRequest, match=r"no answer of its own to \d+\.\d % of validation.*lower in_scope_recall"
    ):
        scoped(rag, data, bench, "none", score="retrieval")
    (tmp_path / "one").mkdir()
    one_far = [*rows[:-1], {**rows[-1], **asked("Why?")}]
    pq.write_table(pa.Table.from_pylist(one_far), tmp_path / "one" / "validation.parquet")
    one_of_20 = sealed(Dataset(path=tmp_path / "one", meta={"task": "text-generation"}))
    with pytest.raises(BadRequest, match=r"to 5\.0 % of validation \(20 rows\), so no threshold is sure"):
        scoped(rag, one_of_20, bench, "one", score="retrieval")


def test_scores_of_an_answer() -> None:
    turns = [{"role": "tools", "content": "ghost"}, {"role": "user", "content": "red or blue?"}]
    assert sureness("Red, red ghost", [-1.0, -3.0], turns, None) == {
        "mean-logprob": -2.0,
        "groundedness": pytest.approx(1 / 3, abs=1e-6),
    }
    assert sureness("", [], turns, [])["retrieval"] == 0.0
    assert sureness("", [], turns, [])["mean-logprob"] == NO_ANSWER


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"score": "energy"}, "has no score 'energy'; it has mean-logprob, groundedness, retrieval"),
        ({"score": "retrieval"}, "no score 'retrieval': only one that is asked with passages has"),
        ({"temperature": "fitted"}, "text-generation has no temperature of scope; leave it out"),
        ({"temperature": 2.0}, "text-generation has no temperature of scope; leave it out"),
        ({"in_scope_recall": 0.99}, "20 rows of validation are too few .*it takes 99"),
    ],
)
def test_what_cannot_be_chosen_is_a_line_before_anything_is_answered(
    options: dict[str, Any], line: str, models: dict[str, Model], data: Dataset, bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(GgufGenerator, "sure_answers", unasked)
    with pytest.raises(BadRequest, match=line) as refused:
        scoped(models["gguf"], data, bench, **options)
    assert "\n" not in str(refused.value)
    assert not list(bench.folder.rglob("scope.json"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"measure": "bits_per_byte", "likelihood": False}, "needs likelihood, which the answers of this"),
        ({"measure": "preferred"}, "not every row of validation has the column 'rejected'"),
    ],
)
def test_a_measure_that_will_not_be_there_is_a_line_before_anything_is_answered(
    options: dict[str, Any], line: str, models: dict[str, Model], data: Dataset, bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(GgufGenerator, "answer", unasked)
    quality = configure(Quality, "quality", options)
    with pytest.raises(BadRequest, match=line) as refused:
        quality.run(model=models["gguf"], baseline=None, data=data, task=bench.task("quality"))
    assert "\n" not in str(refused.value)


def test_the_best_score_is_one_that_the_model_has(
    models: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    found = scope_of(scoped(models["gguf"], data, bench, score="best"))
    assert found is not None
    assert found.score in ("mean-logprob", "groundedness")


def test_steps_that_change_the_scores_refuse_such_a_model(
    models: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    from slmworks_gguf.quantize import QuantizeGguf

    made = scoped(models["gguf"], data, bench)
    with pytest.raises(BadRequest, match="put export/scope behind this step"):
        QuantizeGguf().run(model=made, calibration=None, task=bench.task("small"))
    with pytest.raises(BadRequest, match="put export/scope behind this step"):
        InContextLearning().run(model=made, embedder=None, data=data, task=bench.task("shots"))


@pytest.mark.parametrize("kind", ["hf", "gguf"])
def test_speed_is_that_of_judged_answers(
    kind: str, models: dict[str, Model], data: Dataset, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch reads each answer once more; llama.cpp is asked for log-probabilities."""
    rows = data.rows("test", "messages")[:2]
    done: list[Any] = []
    for model in (models[kind], scoped(models[kind], data, bench)):
        runtime: Any = open_runtime(model, threads=1)
        wanted = [one["tokens"] for one in runtime.answer(rows)]
        seen: list[Any] = []
        if kind == "hf":
            runtime.module.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        else:
            stream = runtime._llama.stream

            def watched(ids: Any, fields: Any, take: Any, stream: Any = stream, seen: Any = seen) -> None:
                seen.append(fields.get("logprobs"))
                stream(ids, fields, take)

            monkeypatch.setattr(runtime._llama, "stream", watched)
        timings = runtime.timed(rows)
        assert [one.tokens for one in timings] == wanted
        assert all(0 < one.first_s <= one.seconds for one in timings)
        done.append(seen)
    if kind == "hf":
        assert len(done[1]) == len(done[0]) + len(rows)
    else:
        assert done == [[None, None], [1, 1]]


def test_pruning_refuses_a_threshold_and_training_leaves_it_behind(
    models: dict[str, Model], data: Dataset, bench: Bench
) -> None:
    from slmworks_torch.causal.sft import SupervisedFinetune
    from slmworks_torch.compression.prune_layers import PruneLayers
    from slmworks_torch.compression.svd import SvdFactorize

    made = scoped(models["hf"], data, bench)
    for plugin in (PruneLayers(drop=1), SvdFactorize(energy=0.9)):
        with pytest.raises(BadRequest, match="put export/scope behind this step"):
            plugin.run(model=made, data=data, task=bench.task(type(plugin).__name__))
    trained = SupervisedFinetune(epochs=1).run(model=made, data=data, task=bench.task("trained"))
    assert scope_of(trained) is None
    assert not (trained.path / "scope.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"score": "energy", "threshold": 0}',
        '{"score": "retrieval"}',
        '{"score": "retrieval", "threshold": 0.5}',
        '{"score": "mean-logprob", "threshold": NaN}',
        '{"score": "mean-logprob", "threshold": -Infinity}',
        '{"score": "mean-logprob", "threshold": true}',
        '{"score": "mean-logprob", "threshold": "-1"}',
    ],
)
def test_a_damaged_file_is_a_line(
    text: str, models: dict[str, Model], data: Dataset, bench: Bench, tmp_path: Path
) -> None:
    made = scoped(models["gguf"], data, bench)
    shutil.copytree(made.path, tmp_path / "changed")
    (tmp_path / "changed" / "scope.json").unlink()
    (tmp_path / "changed" / "scope.json").write_text(text)
    with pytest.raises(BadRequest, match=r"scope\.json is damaged .*choose the threshold anew") as refused:
        open_runtime(replace(made, path=tmp_path / "changed", digest=""), threads=1)
    assert "\n" not in str(refused.value)
