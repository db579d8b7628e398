"""Models of every model task are measured, cut and written by one view."""

from pathlib import Path

import pytest
from cut_students import teacher

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch import students
from slmworks_torch.compression import compressible
from slmworks_torch.compression.compressible import Compressible


@pytest.fixture
def embedder(tiny_encoder: Model) -> Model:
    meta = {"task": "feature-extraction", "dimensions": 32, "max_length": 24, "pooling": "mean"}
    return Model(path=tiny_encoder.path, format="hf", meta=meta, digest="0" * 64)


def halved(whole: Compressible) -> Compressible:
    """Every other layer of a model of four."""
    config, weights = students.of_layers(whole.net, (0, 2))
    return whole.with_net(students.built(config, whole.head, weights, (0, 2)))


def check(model: Model, data: Dataset, bench: Bench) -> Model:
    """The whole model is at no distance from itself, its half is, and the half is written as it was."""
    task = bench.task("cut")
    whole = compressible.load(model)
    batches = whole.calibration(data, "train", 16, task)
    assert batches
    assert all(batch.counted.shape == batch.inputs["input_ids"].shape for batch in batches)
    assert whole.distance(whole, batches) == pytest.approx(0, abs=1e-6)
    half = halved(whole)
    apart = half.distance(whole, batches)
    assert apart > 0
    made = sealed(half.made(task, {"layers": 2}))
    assert made.meta["parameters"] == half.parameters < whole.parameters
    assert {**made.meta, "parameters": 0} == {**model.meta, "parameters": 0}
    again = compressible.load(made)
    assert again.distance(whole, batches) == pytest.approx(apart, rel=1e-4)
    return made


def test_a_classifier(tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    made = check(tiny_classifier, tiny_reviews, bench)
    texts = [{"text": row["text"]} for row in tiny_reviews.rows("validation", "text")]
    assert len(answer_all(open_runtime(made, threads=1), texts)) == len(texts)


def test_an_embedding_model(embedder: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    check(embedder, tiny_reviews, bench)


def test_a_bare_encoder(tiny_encoder: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    check(tiny_encoder, tiny_reviews, bench)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_generator(family: str, conversations: Dataset, tmp_path: Path, bench: Bench) -> None:
    path = teacher(tmp_path / "toy", family, num_hidden_layers=4).path
    meta = {"task": "text-generation", "max_new_tokens": 8}
    made = check(sealed(Model(path=path, format="hf", meta=meta)), conversations, bench)
    assert answer_all(open_runtime(made, threads=1), conversations.rows("validation", "messages")[:2])


def test_calibration_is_decided_by_the_seed(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    whole = compressible.load(tiny_classifier)

    def ids(name: str, seed: int) -> list[torch.Tensor]:
        batches = whole.calibration(tiny_reviews, "train", 8, bench.task(name, seed=seed))
        return [batch.inputs["input_ids"] for batch in batches]

    one, same, other = ids("one", 0), ids("same", 0), ids("other", 1)
    assert all(map(torch.equal, one, same))
    assert not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(one, other, strict=False))


def test_an_encoder_is_measured_on_texts_only(
    tiny_classifier: Model, conversations: Dataset, bench: Bench
) -> None:
    with pytest.raises(
        BadRequest, match="data: they are for text-generation, and an encoder reads rows of one text"
    ):
        compressible.load(tiny_classifier).calibration(conversations, "train", 4, bench.task("wrong"))
