"""Rows that mean the same, by the embeddings of a model that the recipe gives."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import bag_models
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.curate import Curate
from slmworks.testing import Bench, sealed
from slmworks_text.curate import CurateText
from slmworks_text.curate_chat import CurateChat
from slmworks_text.curate_qa import CurateQA
from slmworks_text.curate_tags import CurateTags
from slmworks_text.explain.explained import explained
from slmworks_text.joins import neighbours
from slmworks_text.joins.components import Components

WORDS = ["alpha", "bravo", "cider", "delta", "eagle", "fable", "giant", "hotel", "index", "joker", "karma", "lemon", "mango", "north", "opera", "piano", "quilt", "river", "sugar", "tiger", "uncle", "vocal", "wagon", "xenon", "yacht", "zebra"]  # fmt: skip


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that knows the words below."""
    return bag_models.embedder(tmp_path_factory.mktemp("embedder"), WORDS)


def curated(
    plugin: Curate, tmp_path: Path, inputs: Mapping[str, list[dict[str, Any]]], **models: Model
) -> Dataset:
    folder, bench = written(tmp_path, inputs), Bench(tmp_path / "bench")
    given: dict[str, Any] = {**models}
    return sealed(plugin.run(data=folder, task=bench.task(f"c{len(list(tmp_path.iterdir()))}"), **given))


def written(tmp_path: Path, inputs: Mapping[str, list[dict[str, Any]]]) -> Files:
    folder = tmp_path / f"raw{len(list(tmp_path.iterdir()))}"
    for name, rows in inputs.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return sealed(Files(path=folder))


FILLER = [f"{one} {other}" for one in WORDS[:12] for other in WORDS[12:20]]
TEXTS = [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(FILLER)]


def test_texts_of_one_meaning_are_reduced_to_one(embedder: Model, tmp_path: Path) -> None:
    rows = [
        *TEXTS,
        {"text": "the car tiger uncle", "label": "a"},
        {"text": "the automobile tiger uncle", "label": "a"},  # the same
        {
            "text": "uncle tiger automobile the",
            "label": "b",
        },  # the same with another label: kept, in one split
        {"text": "the automobile tiger vocal", "label": "a"},  # cosine 0.75
    ]
    plugin = CurateText(semantic_duplicates=0.95)
    data = curated(plugin, tmp_path, {"all": rows}, embedder=embedder)
    where = {text: (split, label) for split in data.splits for text, label in zip(*data.columns(split, "text", "label"), strict=True)}  # fmt: skip
    same = [text for text in where if "tiger uncle" in text]
    assert len(same) == 1
    assert where[same[0]][0] == where["uncle tiger automobile the"][0]
    assert "the automobile tiger vocal" in where
    assert data.summary["dropped"]["near duplicate in meaning"] == 1
    card = json.loads((data.path / "card.json").read_text())["semantic_duplicates"]
    assert card["dropped"] == 1
    assert card["compared"] == len(rows)
    assert card["embedder"]["digest"] == embedder.digest
    (example,) = card["examples"]
    assert {example["text"], example["like"]} == {"the car tiger uncle", "the automobile tiger uncle"}
    assert example["cosine"] == 1.0
    again = curated(plugin, tmp_path, {"all": rows}, embedder=embedder)
    assert again.digest == data.digest


def test_examples_of_one_meaning_show_nothing_private(embedder: Model, tmp_path: Path) -> None:
    rows = [
        *TEXTS,
        *(
            {"text": f"the {word} tiger uncle ada@example.org", "label": "a"}
            for word in ("car", "automobile")
        ),
    ]
    data = curated(CurateText(semantic_duplicates=0.9), tmp_path, {"all": rows}, embedder=embedder)
    text = (data.path / "card.json").read_text()
    (example,) = json.loads(text)["semantic_duplicates"]["examples"]
    assert "tiger uncle <EMAIL>" in example["text"]
    assert "ada@" not in text


def test_an_engine_that_is_not_used_since_a_model_takes_part_is_told_of(
    embedder: Model, tmp_path: Path
) -> None:
    def start(_scratch: Path) -> Any:
        raise AssertionError("workers were started")

    said: list[Any] = []
    task = Bench(tmp_path / "bench").task("curate")
    task = dataclasses.replace(task, emit=said.append, workers_of=start)
    data = written(tmp_path, {"all": TEXTS})
    CurateText(semantic_duplicates=0.95).run(data=data, task=task, embedder=embedder)
    assert [event["line"] for event in said if "workers" in event.get("line", "")] == [
        "note: with `embedder` all is done in this process; the engine's workers aren't used."
    ]
    with pytest.raises(AssertionError, match="were started"):
        CurateText().run(data=data, task=task)


def test_no_row_means_what_a_test_row_does(embedder: Model, tmp_path: Path) -> None:
    given = {"train": [*TEXTS, {"text": "car mango", "label": "a"}], "test": [{"text": "Automobile mango", "label": "b"}, {"text": "car mango", "label": "a"}, {"text": "zebra", "label": "b"}]}  # fmt: skip
    plugin = CurateText(semantic_duplicates=0.95, expect={"near_duplicates": "< 0.05"})
    data = curated(plugin, tmp_path, given, embedder=embedder)
    assert data.columns("test", "text")[0].count("Automobile mango") == 1  # a given test set stays whole
    assert not any(text.split()[-1] == "mango" and "car" in text for text in data.columns("train", "text")[0])
    dropped = data.summary["dropped"]
    assert dropped["equal to a test row"] == 1
    given["train"][-1] = {"text": "mango vehicle", "label": "a"}
    data = curated(CurateText(semantic_duplicates=0.9), tmp_path, given, embedder=embedder)
    assert data.summary["dropped"]["near in meaning to a test row"] == 1


def test_conversations_and_marks_are_compared_by_meaning(embedder: Model, tmp_path: Path) -> None:
    asked = [{"prompt": f"{text}?", "completion": "yes"} for text in FILLER]
    twice = [
        {"prompt": "car lemon?", "completion": "yes"},
        {"prompt": "automobile lemon?", "completion": "yes"},
    ]
    data = curated(
        CurateChat(semantic_duplicates=0.99), tmp_path, {"all": [*asked, *twice]}, embedder=embedder
    )
    assert data.summary["dropped"]["near duplicate in meaning"] == 1
    marked = [{"text": text, "entities": [[0, 5, "X"]]} for text in FILLER]
    two = [
        {"text": "car lemon", "entities": [[0, 3, "X"]]},
        {"text": "automobile lemon", "entities": [[0, 10, "X"]]},
    ]
    tags = CurateTags(semantic_duplicates=0.99)
    data = curated(tags, tmp_path, {"all": [*marked, *two]}, embedder=embedder)
    assert data.summary["dropped"]["near duplicate in meaning"] == 1
    questions = [{"question": "which?", "context": text, "answer": text[:5]} for text in FILLER]
    more = [{"question": f"q{i}?", "context": f"{word} lemon", "answer": "lemon"} for i, word in enumerate(("car", "automobile"))]  # fmt: skip
    data = curated(
        CurateQA(semantic_duplicates=0.99), tmp_path, {"all": [*questions, *more]}, embedder=embedder
    )
    found = {q: split for split in data.splits for q in data.columns(split, "question")[0] if q != "which?"}
    assert len(found) == 2
    assert len(set(found.values())) == 1
    card = json.loads((data.path / "card.json").read_text())["semantic_duplicates"]
    assert "dropped" not in card
    assert {*card["examples"][0].values()} == {"car lemon", "automobile lemon", 1.0}


def test_it_is_explained(embedder: Model, tmp_path: Path) -> None:
    rows = [*TEXTS, {"text": "car zebra", "label": "a"}, {"text": "automobile zebra", "label": "a"}]
    said = []
    for number in (len(rows) - 1, len(rows)):
        lines = explained(
            CurateText(semantic_duplicates=0.95),
            f"all:{number}",
            written(tmp_path, {"all": rows}),
            {"embedder": embedder},
            Bench(tmp_path / "bench").task(f"explain{number}"),
        )
        said += [line for name, line in lines if name == "meaning"]
    assert sorted(line.partition(":")[0] for line in said) == ["dropped", "kept; left out for it"]
    assert all("cosine 1.000: " in line for line in said)
    assert any(line.startswith("dropped: near in meaning to a row that is kept: all/a.jsonl row ") for line in said)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "models", "said"),
    [
        ({"semantic_duplicates": 0.95}, [], "with.semantic_duplicates: give a model for feature-extraction"),
        ({}, ["embedder"], "embedder: nothing asks it"),
        ({}, ["judge"], "judge: no row operator asks it"),
        ({"operators": [{"toxicity": {"classes": ["x"]}}]}, [], "with.operators.toxicity: give the model"),
    ],
)
def test_models_and_options_belong_together(
    embedder: Model, tmp_path: Path, options: dict[str, Any], models: list[str], said: str
) -> None:
    with pytest.raises(BadRequest, match=said):
        curated(CurateText(**options), tmp_path, {"all": TEXTS}, **dict.fromkeys(models, embedder))


def points(count: int, seed: int = 0) -> Any:
    """Vectors in clumps as embeddings are, of which each has one or two near ones."""
    import numpy as np

    chance = np.random.default_rng(seed)
    clumps = chance.normal(size=(60, 64))
    first = clumps[chance.integers(60, size=count // 2)] + 0.9 * chance.normal(size=(count // 2, 64))
    near = first + 0.25 * chance.uniform(size=(len(first), 1)) * chance.normal(size=first.shape)
    found = np.concatenate([first, near])
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype("float32")


def components_of(vectors: Any, threshold: float) -> Any:
    import numpy as np

    found = Components(len(vectors))
    neighbours.join_alike(vectors, threshold, found, np.arange(len(vectors), dtype="uint32"), lambda *_: None)
    return found.names()


def test_blocks_find_what_a_whole_product_finds() -> None:
    import numpy as np

    vectors = points(2_500)
    alike = np.round(vectors @ vectors.T, 4) >= 0.95
    expected = Components(len(vectors))
    for one, other in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
        expected.join(int(one), int(other))
    assert 0 < (expected.names() != np.arange(len(vectors))).sum() < len(vectors) / 2 + 1
    assert (components_of(vectors, 0.95) == expected.names()).all()


def test_clusters_miss_few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    vectors = points(8_000)
    exact = components_of(vectors, 0.95)
    monkeypatch.setattr(neighbours, "EXACT", 1_000)
    monkeypatch.setattr(neighbours, "IN_CLUSTER", 200)
    clustered = components_of(vectors, 0.95)
    joined = exact != np.arange(len(vectors))
    found = clustered != np.arange(len(vectors))
    assert (joined & found).sum() / joined.sum() > 0.97
    assert not (found & ~joined).any()
    assert (components_of(vectors, 0.95) == clustered).all()
    held = sum(len(group) ** 2 for group in neighbours.clusters(vectors))
    assert held < len(vectors) ** 2 / 4


def test_equal_vectors_are_not_spread_over_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.setattr(neighbours, "IN_CLUSTER", 200)
    vectors = np.repeat(np.random.default_rng(0).normal(size=(1, 64)), 2_000, axis=0)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
    (group,) = neighbours.clusters(vectors)
    assert (group == np.arange(2_000)).all()
    others = points(1_000)
    groups = neighbours.clusters(np.concatenate([others, vectors]))
    crowds = {len(held) for group in groups if len(held := group[group >= 1_000])}
    assert crowds == {2_000}


def test_a_crowd_of_alike_vectors_is_joined_in_no_time() -> None:
    import numpy as np

    vectors = np.tile(points(2), (2_000, 1))[:3_000]
    assert len(np.unique(components_of(vectors, 0.9))) <= 2
