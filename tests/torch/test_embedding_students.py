"""Students of sentence embeddings: some layers of the teacher, and a table of token vectors."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.testing import Bench, sealed
from slmworks_torch import embeddings, teacher_outputs
from slmworks_torch.embedding_kd import EmbeddingKD
from slmworks_torch.static_embeddings import StaticEmbeddings

FAST = {"epochs": 4, "learning_rate": 3e-3, "batch_size": 16, "max_length": 24}


@pytest.fixture(scope="module")
def texts(tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The reviews as texts of a search: a text's document is a row of the same label."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("texts")
    for split in ("train", "validation", "test"):
        rows = tiny_reviews.rows(split, "id", "text", "source", "label")
        first = {row["label"]: row["text"] for row in reversed(rows)}
        found = [{**row, "document": first[row["label"]]} for row in rows]
        pq.write_table(pa.Table.from_pylist(found), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "feature-extraction"}))


def cosine(teacher: Model, student: Model, data: Dataset) -> float:
    """Mean cosine between a teacher's and a student's embeddings of the test texts."""
    rows = data.rows("test", "text")
    a, b = (
        outputs_all(open_runtime(one, threads=1, model_task="feature-extraction"), rows)
        for one in (teacher, student)
    )
    return float((a * b).sum(axis=1).mean())


def distil(options, teacher: Model, data: Dataset, bench: Bench, student: Model | None = None) -> Model:
    return sealed(options.run(teacher=teacher, student=student, data=data, task=bench.task("student")))


def test_layers_learn_to_embed_as_the_teacher(tiny_encoder: Model, texts: Dataset, bench: Bench) -> None:
    made = distil(EmbeddingKD(layers=(0, 2), **FAST), tiny_encoder, texts, bench)
    untrained = replace(tiny_encoder, meta={"max_length": 24})
    assert made.meta["task"] == "feature-extraction"
    assert made.meta["pooling"] == "mean"
    assert made.summary["layers"] == 2
    assert made.summary["vocabulary"] < 500
    assert cosine(untrained, made, texts) > 0.9


def test_a_table_learns_to_embed_as_the_teacher(tiny_encoder: Model, texts: Dataset, bench: Bench) -> None:
    width = distil(EmbeddingKD(layers=(0,), **FAST), tiny_encoder, texts, Bench(bench.folder / "w")).meta
    options = StaticEmbeddings(**{**FAST, "epochs": 20}, dimensions=width["dimensions"])
    made = distil(options, tiny_encoder, texts, bench)
    assert {path.name for path in made.path.iterdir()} == {
        "embedding.json", "model.onnx", "slmworks.json", "tokenizer.json",
    }  # fmt: skip
    assert made.format == "onnx"
    assert made.summary["cosine"] > 0.8
    vectors = open_runtime(made, threads=1).outputs([{"text": "the camera is great"}, {"text": ""}])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_fewer_dimensions_keep_the_order_of_similarities(
    tiny_encoder: Model, texts: Dataset, bench: Bench
) -> None:
    made = distil(StaticEmbeddings(**{**FAST, "epochs": 20}, dimensions=8), tiny_encoder, texts, bench)
    assert made.meta["dimensions"] == 8
    rows = texts.rows("test", "text")
    teacher = outputs_all(open_runtime(tiny_encoder, threads=1, model_task="feature-extraction"), rows)
    student = outputs_all(open_runtime(made, threads=1), rows)
    pairs = np.triu_indices(len(rows), 1)
    assert np.corrcoef((teacher @ teacher.T)[pairs], (student @ student.T)[pairs])[0, 1] > 0.5


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (StaticEmbeddings(dimensions=4096, **FAST), "dimensions: 4096 are more than the"),
        (EmbeddingKD(layers=(0, 99), **FAST), "layers: the teacher has the layers"),
    ],
)
def test_what_the_teacher_does_not_have_is_refused_before_it_is_asked(
    options, line, tiny_encoder, texts, bench, monkeypatch
) -> None:
    monkeypatch.setattr(teacher_outputs, "write", lambda *_: pytest.fail("the teacher was asked"))
    with pytest.raises(BadRequest, match=line):
        distil(options, tiny_encoder, texts, bench)


def given(encoder: Model, folder: Path, width: int) -> Model:
    """An untrained encoder of one layer, with the vocabulary of another."""
    from transformers import BertConfig, BertModel

    shutil.copytree(encoder.path, folder, ignore=shutil.ignore_patterns("*.safetensors", "slmworks.json"))
    config = BertConfig.from_pretrained(folder, hidden_size=width, num_hidden_layers=1)
    BertModel(config).save_pretrained(folder)
    return sealed(Model(path=folder, format="hf"))


def test_a_given_student_learns(
    tiny_encoder: Model, texts: Dataset, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = distil(EmbeddingKD(**FAST), tiny_encoder, texts, bench, given(tiny_encoder, tmp_path / "same", 32))
    assert made.summary["layers"] == 1
    assert made.summary["cosine"] > 0.8
    monkeypatch.setattr(teacher_outputs, "write", lambda *_: pytest.fail("the teacher was asked"))
    wide = given(tiny_encoder, tmp_path / "wide", 48)
    with pytest.raises(BadRequest, match="student: its embeddings have 48 numbers, and the teacher's 32 say"):
        distil(EmbeddingKD(**FAST), tiny_encoder, texts, Bench(tmp_path / "other"), wide)


def test_a_narrower_student_learns_how_near_texts_are(
    tiny_encoder: Model, texts: Dataset, bench: Bench, tmp_path: Path
) -> None:
    begun = given(tiny_encoder, tmp_path / "less", 16)
    made = distil(EmbeddingKD(**FAST), tiny_encoder, texts, bench, begun)
    assert made.meta["dimensions"] == 16
    rows = texts.rows("test", "text")
    pairs = np.triu_indices(len(rows), 1)
    wanted, before, after = (
        (found @ found.T)[pairs]
        for one in (tiny_encoder, begun, made)
        for found in [outputs_all(open_runtime(one, threads=1, model_task="feature-extraction"), rows)]
    )
    assert np.corrcoef(wanted, after)[0, 1] > np.corrcoef(wanted, before)[0, 1] + 0.1


def test_axes_begin_where_the_student_is() -> None:
    wanted, student = (torch.randn(50, width, generator=torch.manual_seed(width)) for width in (8, 3))
    wanted = wanted * torch.tensor([9.0, 8, 7, 1, 1, 1, 1, 1])
    turned = torch.linalg.qr(torch.randn(3, 3, generator=torch.manual_seed(0)))[0]
    axes = embeddings.towards(wanted, wanted[:, :3] @ turned)
    torch.testing.assert_close(axes.T @ axes, torch.eye(3), atol=1e-5, rtol=0)
    assert float((wanted @ axes - wanted[:, :3] @ turned).norm() / wanted.norm()) < 0.2
    assert float((student.T @ (wanted @ embeddings.towards(wanted, student))).trace()) > float(
        (student.T @ (wanted @ axes)).trace()
    )


def test_teacher_embeddings_are_computed_once_for_all_students(
    tiny_encoder: Model, texts: Dataset, bench: Bench
) -> None:
    asked: list[str] = []

    def share(name, inputs, options, build):
        from slmworks.contract.artifact import Files

        folder = bench.folder / f"{name}-{options['rows'][:8]}"
        if not folder.exists():
            asked.append(name)
            folder.mkdir(parents=True)
            build(folder)
        return Files(path=folder)

    for number, options in enumerate(
        (EmbeddingKD(layers=(0,), **FAST), StaticEmbeddings(dimensions=8, **FAST))
    ):
        task = replace(bench.task(f"student-{number}"), share_with=share)
        options.run(teacher=tiny_encoder, student=None, data=texts, task=task)
    assert asked == ["teacher-embeddings"]
