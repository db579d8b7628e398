"""A model that is asked with passages: found by words and meaning, told with the answer, the same everywhere."""

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

from slmworks.contract.artifact import Artifact, Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings, Slots
from slmworks.contract.options import configure
from slmworks.contract.runtime import open_runtime, packages_of
from slmworks.evaluate.about import model_name
from slmworks.model_tasks.text_generation.task import Passage
from slmworks.registry.standalone import standalone_source
from slmworks.testing import Bench, sealed
from slmworks_gguf.generator import GgufGenerator
from slmworks_gguf.retrieval_augmented import RetrievalAugmentedGeneration

TEXTS = {
    "cards.txt": "A lost card is blocked at once. Call the bank, and a new card comes in five days.",
    "rates.md": "Exchange rates are set each morning at nine. Rates of the weekend are those of friday.",
    "notes/fees.txt": "Transfers in euro are free. Other transfers cost 2 euro each.",
}
QUESTION = "When are exchange rates set?"


def asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def written(runtime: Any) -> dict[str, Any]:
    taken: list[Any] = []
    runtime.write([(asked(QUESTION), Settings())], lambda _at, found: taken.append(found.answer))
    (answer,) = taken
    return answer


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("wide")
    hf = toy(folder / "hf", max_position_embeddings=1024)
    return {"hf": hf, "gguf": exported(hf, Bench(folder))}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("documents")
    for name, text in TEXTS.items():
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "docs" / name).write_text(text)
    (folder / "docs" / "logo.png").write_bytes(b"\x89PNG")
    return sealed(Files(path=folder))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rows = [
        {"id": str(at), "source": "s", **asked(text), "completion": "At nine."}
        for at, text in enumerate((QUESTION, "What does a transfer cost?"))
    ]
    folder = tmp_path_factory.mktemp("data")
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def make(wide: dict[str, Model], documents: Files, embedder: Model, data: Dataset, bench: Bench) -> Any:
    def made(
        kind: str = "gguf", name: str = "made", given: dict[str, Artifact] | None = None, **options: Any
    ):
        said = {"max_new_tokens": 12, "chunk_tokens": 20, "passages": 2, **options}
        plugin = configure(RetrievalAugmentedGeneration, "retrieval-augmented", said)
        ports = {"model": wide[kind], "documents": documents, "embedder": embedder, **(given or {})}
        return sealed(plugin.run(data=data, task=bench.task(name), **ports))

    return made


def test_both_formats_put_the_same_passages_before_a_question_and_name_them(make: Any) -> None:
    one, other = (open_runtime(make(kind, kind), threads=1) for kind in ("hf", "gguf"))
    rows = [asked(QUESTION), asked("and a lost card?"), {"messages": [{"role": "prompt", "content": "euro"}]}]
    assert [one.prompt(row) for row in rows] == [other.prompt(row) for row in rows]
    found = other.answer(rows)
    assert found == one.answer(rows)
    assert found[0]["passages"][0]["id"].startswith("rates.md#")
    assert found[1]["passages"][0]["id"].startswith("cards.txt#")
    for answer in found:
        assert 1 <= len(answer["passages"]) <= 2
        assert {*map(type, map(Passage.model_validate, answer["passages"]))} == {Passage}
    prompt = other.prompt(rows[0])
    assert "user\nAnswer from these passages.\n\n[1] Exchange rates are set" in prompt
    assert prompt.endswith(f"\n\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")
    judged = [{**rows[0], "completion": "At nine."}]
    assert other.scored(judged)[0].nll == pytest.approx(one.scored(judged)[0].nll, rel=1e-3)


def test_streams_and_lessons_name_the_passages_too(make: Any) -> None:
    model = make()
    whole = open_runtime(model, threads=1).answer([asked(QUESTION)])[0]
    streaming = open_runtime(model, threads=1, slots=Slots(2))
    pieces: list[str] = []
    prepared = streaming.prepare(asked(QUESTION), Settings())
    generated = streaming.stream(prepared, lambda piece: bool(pieces.append(piece.text)))
    assert generated.answer == whole
    assert "".join(pieces) == whole["text"]
    for runtime in (streaming, open_runtime(make("hf", "hf"), threads=1)):
        assert written(runtime) == whole


@pytest.mark.parametrize("kind", ["hf", "gguf"])
def test_without_a_passage_that_is_near_enough_the_model_is_asked_alone_or_not_at_all(
    kind: str, make: Any, wide: dict[str, Model]
) -> None:
    alone = open_runtime(make(kind, "alone", least=1.0), threads=1)
    plain = open_runtime(wide[kind], threads=1, model_task="text-generation")
    plain.most = 12
    (answer,) = alone.answer([asked(QUESTION)])
    assert answer == {**plain.answer([asked(QUESTION)])[0], "passages": []}
    silent = open_runtime(make(kind, "silent", least=1.0, abstention="I don't know."), threads=1)
    no_answer = {"text": "I don't know.", "finish": "stop", "tokens": 0, "passages": []}
    assert silent.answer([asked(QUESTION)]) == [no_answer]
    assert written(silent) == no_answer


def test_passages_that_leave_no_room_for_an_answer_are_left_out(make: Any, tmp_path: Path) -> None:
    small = toy(tmp_path / "small", max_position_embeddings=256)
    model = make("hf", given={"model": small}, passages=3, max_new_tokens=64)
    runtime = open_runtime(model, threads=1)
    (answer,) = runtime.answer([asked(QUESTION + " Please." * 12)])
    assert 1 <= len(answer["passages"]) < 3
    assert len(runtime.encode(asked(QUESTION + " Please." * 12))) <= 256 - 64


def test_where_no_passage_fits_beside_a_question_the_model_abstains_too(make: Any, tmp_path: Path) -> None:
    small = toy(tmp_path / "small", max_position_embeddings=128)
    model = make("hf", given={"model": small}, passages=1, max_new_tokens=32, abstention="I don't know.")
    (answer,) = open_runtime(model, threads=1).answer([asked(QUESTION + " Please." * 8)])
    assert answer == {"text": "I don't know.", "finish": "stop", "tokens": 0, "passages": []}


def test_examples_and_passages_go_together_and_both_are_handed_on(
    make: Any, data: Dataset, bench: Bench, tmp_path: Path
) -> None:
    from slmworks_gguf.import_hf import ImportGguf
    from slmworks_gguf.in_context import InContextLearning

    plugin = configure(InContextLearning, "in-context", {"examples": 1, "choose": "nearest"})
    task = bench.task("shots")
    model = sealed(plugin.run(model=make(max_new_tokens=None), embedder=None, data=data, task=task))
    assert model_name(model) == "gguf (1-shot nearest + RAG, 2 passages)"
    handed = sealed(ImportGguf().run(model=model, task=bench.task("import")))
    prompts = [open_runtime(one, threads=1).prompt(asked(QUESTION)) for one in (model, handed)]
    assert prompts[0] == prompts[1]
    assert prompts[0].index("At nine.") < prompts[0].index("[1] Exchange")
    assert packages_of(GgufGenerator, model) == (
        "jinja2", "xllamacpp", "scikit-learn", "numpy", "onnxruntime", "tokenizers",
    )  # fmt: skip
    again = make(given={"model": model}, name="again")
    assert model_name(again) == "gguf (1-shot nearest + RAG, 2 passages)"


def test_a_release_answers_without_slmworks(make: Any, tmp_path: Path) -> None:
    model = make()
    (tmp_path / "runtime.py").write_text(standalone_source(GgufGenerator))
    shutil.copytree(model.path, tmp_path / "model")
    row = json.dumps(asked(QUESTION))
    code = f"import json, runtime; print(json.dumps(runtime.GgufGenerator('model').answer([{row}])))"
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(  # its own slmworks would be found by the virtual environment
        [sys.executable, "-c", f"import sys; sys.modules['slmworks'] = None; {code}"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == open_runtime(model, threads=1).answer([asked(QUESTION)])


def test_the_server_names_passages_on_every_route(make: Any) -> None:
    from starlette.testclient import TestClient

    from slmworks.contract import catalog
    from slmworks_serve.app import Service, create_app
    from slmworks_serve.model import Loaded, Served

    model = make()
    wanted = open_runtime(model, threads=1).answer([asked(QUESTION)])[0]
    runtime = open_runtime(model, threads=1, slots=Slots(1))
    loaded = Loaded(Served("toy", 3, model.digest, ""), catalog.model_task("text-generation"), runtime)
    with TestClient(create_app(Service(loaded, 1))) as client:
        rows = client.post("/generate", json=asked(QUESTION)).json()
        assert rows == {**wanted, "model": "toy", "version": 3}
        chat = client.post("/v1/chat/completions", json={**asked(QUESTION), "max_tokens": 12})
        (choice,) = chat.json()["choices"]
        assert (choice["message"]["content"], choice["passages"]) == (wanted["text"], wanted["passages"])
        lines = client.post("/v1/chat/completions", json={**asked(QUESTION), "stream": True}).text.split(
            "\n\n"
        )
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
        assert [one["choices"][0].get("passages") for one in events][-1] == wanted["passages"]
        text = client.post("/v1/completions", json={"prompt": "euro", "max_tokens": 4}).json()
        assert text["choices"][0]["passages"][0]["id"].startswith("notes/fees.txt#")


def test_an_edge_bundle_brings_the_index_and_its_packages(make: Any, tmp_path: Path) -> None:
    from releases import built
    from slmworks_serve.edge import write

    model = make()
    (tmp_path / "edge").mkdir()
    write(built(model, tmp_path / "release", name="manuals"), tmp_path / "edge", None)
    pinned = (tmp_path / "edge" / "requirements.txt").read_text()
    named = {line.partition("==")[0] for line in pinned.splitlines()}
    assert named == {"jinja2", "numpy", "onnxruntime", "tokenizers", "xllamacpp"}
    done = subprocess.run(
        [sys.executable, "run.py", QUESTION],
        cwd=tmp_path / "edge", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == open_runtime(model, threads=1).answer([asked(QUESTION)])[0]


def test_documents_of_data_are_those_of_all_splits_each_once(
    make: Any, tmp_path: Path, tiny_search: Dataset
) -> None:
    wanted = {
        text for split in tiny_search.splits for text in tiny_search.columns(split, "document")[0] if text
    }
    model = make(given={"documents": tiny_search})
    assert model.summary["documents"] == len(wanted)
    lines = (model.path / "retrieval" / "passages.jsonl").read_text().splitlines()
    assert len(lines) == model.summary["passages"] >= len(wanted)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda at: (at / "embedder/embedding.json").write_text('{"max_length": 31}'), "another embedding"),
        (lambda at: (at / "vectors.onnx").unlink(), "index retrieval/ is damaged"),
        (lambda at: (at / "passage_ends.npy").write_bytes(b"x"), "index retrieval/ is damaged"),
        (lambda at: (at.parent / "retrieval.json").write_text("{}"), "retrieval.json must have embedder"),
        (lambda at: (at.parent / "retrieval.json").write_text("{"), "retrieval.json is no JSON"),
    ],
)
def test_an_index_of_another_model_or_a_damaged_one_is_refused(change: Any, line: str, make: Any) -> None:
    made = make()
    folder = made.path.parent / "changed"
    shutil.copytree(made.path, folder)
    change(folder / "retrieval")
    with pytest.raises(BadRequest, match=line) as refused:
        open_runtime(replace(made, path=folder), threads=1)
    assert "finetune/retrieval-augmented" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"chunk_tokens": 400}, r"chunk_tokens is 400, and the embedding model reads 30 tokens"),
        ({"chunk_tokens": 8, "overlap": 8}, "overlap is 8, and a chunk has 8 tokens; take 7 at most"),
        (
            {"passages": 99},
            r"passages is 99, and the documents are \d+ chunks of 20 tokens; take \d+ at most",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused(options: dict[str, int], line: str, make: Any) -> None:
    with pytest.raises(BadRequest, match=line):
        make(**options)


def test_documents_without_text_are_refused(make: Any, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "files" / "docs").mkdir(parents=True)
    (tmp_path / "files" / "docs" / "empty.txt").write_text("  \n")
    empty = sealed(Files(path=tmp_path / "files"))
    with pytest.raises(BadRequest, match="no text in a file that ends with .txt or .md"):
        make(given={"documents": empty})
    with pytest.raises(BadRequest, match="no column 'document' with text"):
        make(name="rows", given={"documents": data})
    (tmp_path / "files" / "docs" / "old.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BadRequest, match="old.txt is not UTF-8"):
        make(name="old", given={"documents": replace(empty)})


def test_an_embedder_that_is_none_is_refused(make: Any, embedder: Model, tmp_path: Path) -> None:
    shutil.copytree(embedder.path, tmp_path / "other")
    (tmp_path / "other" / "embedding.json").unlink()
    with pytest.raises(BadRequest, match="embedder has no embedding.json"):
        make(given={"embedder": replace(embedder, path=tmp_path / "other")})


RECIPE = """\
name: looked-up
steps:
  raw: {{stage: fetch, from: {{train: train.csv}}}}
  data: {{stage: curate, uses: chat, from: {{data: raw}}}}
  pairs: {{stage: curate, uses: text, from: {{data: raw}}, with: {{model_task: feature-extraction, label: document}}}}
  encoder: {{stage: export, uses: onnx, from: {{model: ./base}}, with: {{model_task: {task}}}}}
  rag:
    stage: finetune
    uses: {uses}
    from: {{model: ./base, documents: {documents}, embedder: encoder, data: data}}
"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({}, ""),
        ({"documents": "./docs"}, ""),
        ({"documents": "data"}, "rag.from.documents: retrieval-augmented takes what is for feature-extraction there"),
        ({"task": "text-classification"}, "rag.from.embedder: retrieval-augmented takes what is for feature-extr"),
        ({"uses": "in-context"}, "rag.from.documents"),
        ({"uses": "sft"}, "rag.from"),
    ],
)  # fmt: skip
def test_a_plan_knows_what_each_port_is_for(words: dict[str, str], line: str, tmp_path: Path) -> None:
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe

    for name in ("base/config.json", "base/model.safetensors", "train.csv", "docs/a.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    said = {"uses": "retrieval-augmented", "documents": "pairs", "task": "feature-extraction", **words}
    text = RECIPE.format(**said)
    if line:
        with pytest.raises(BadRequest) as refused:
            plan(Recipe.parse(text, file="r.yaml", folder=tmp_path))
        assert line in str(refused.value)
    else:
        planned = plan(Recipe.parse(text, file="r.yaml", folder=tmp_path))
        assert planned.tasks["rag"].model_task == "text-generation"
