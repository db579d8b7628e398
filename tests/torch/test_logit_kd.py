"""Distillation: the student follows its teacher, the teacher is asked once, strangers are refused."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError
from shared_results import SharedResults

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench, sealed
from slmworks_torch.logit_kd import LogitKD

QUICK = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "dropout": 0.0}


def distill(
    bench: Bench, teacher: Model, data: Dataset, *, student: Model | None = None, name="distill", **options
):
    task = options.pop("task", None) or bench.task(name)
    made = LogitKD(**{**QUICK, **options}).run(teacher=teacher, student=student, data=data, task=task)
    return sealed(made)


def accuracy(model: Model, data: Dataset, split: str) -> float:
    """Share of right answers, through transformers alone."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    net = AutoModelForSequenceClassification.from_pretrained(model.path)
    texts, labels = data.columns(split, "text", "label")
    encoded = AutoTokenizer.from_pretrained(model.path)(texts, padding=True, return_tensors="pt")
    given = [net.config.id2label[number] for number in net(**encoded).logits.argmax(dim=1).tolist()]
    return sum(a == b for a, b in zip(given, labels, strict=True)) / len(labels)


def test_a_student_of_half_the_layers_keeps_most_of_its_teacher(bench, tiny_classifier, tiny_reviews):
    made = distill(bench, tiny_classifier, tiny_reviews, epochs=4)
    assert made.summary["layers"] == 2
    assert made.summary["transfer_rows"] == 90
    assert made.summary["parameters"] < tiny_classifier.meta["parameters"]
    assert made.meta["labels"] == labels_of(tiny_classifier)
    assert made.meta["max_length"] == tiny_classifier.meta["max_length"]
    assert made.summary["kept"] > 0.85
    assert accuracy(made, tiny_reviews, "validation") == pytest.approx(made.summary["accuracy"], abs=1e-4)


def test_all_layers_without_training_are_the_teacher(bench, tiny_classifier, tiny_reviews):
    options = {"layers": [0, 1, 2, 3], "vocabulary": "keep", "epochs": 1, "learning_rate": 1e-12}
    made = distill(bench, tiny_classifier, tiny_reviews, **options)
    config = json.loads((tiny_classifier.path / "config.json").read_text())
    unreached = config["max_position_embeddings"] - tiny_classifier.meta["max_length"]
    assert made.summary["kept"] == 1.0
    assert (
        made.summary["parameters"] == tiny_classifier.meta["parameters"] - unreached * config["hidden_size"]
    )


def test_a_sweep_asks_the_teacher_once(bench, tiny_classifier, tiny_reviews, tmp_path):
    shared = SharedResults(tmp_path / "shared")
    sweep = [
        {"temperature": 4.0},
        {"layers": [0, 3]},
        {"alpha": 1.0, "max_length": 16},
        {"vocabulary": "keep"},
    ]
    for number, options in enumerate(sweep):
        task = shared.task(bench, str(number), seed=number)
        distill(bench, tiny_classifier, tiny_reviews, task=task, epochs=1, **options)
    assert len(shared.built) == 1
    task = shared.task(bench, "fewer")
    distill(bench, tiny_classifier, tiny_reviews, task=task, epochs=1, transfer_rows=10)
    assert len(shared.built) == 2


def test_shared_logits_give_the_same_bytes_as_own_ones(bench, tiny_classifier, tiny_reviews, tmp_path):
    shared = SharedResults(tmp_path / "shared")
    first, hit = (
        distill(bench, tiny_classifier, tiny_reviews, task=shared.task(bench, name))
        for name in ("one", "two")
    )
    alone = distill(bench, tiny_classifier, tiny_reviews)
    assert first.digest == hit.digest == alone.digest


@pytest.mark.parametrize(
    ("options", "said"),
    [({"layers": [0, 9]}, "0 to 3, not 9"), ({"max_length": 65}, "65 tokens are more than")],
)
def test_what_the_student_cannot_be_is_said_before_the_teacher_is_asked(
    bench, tiny_classifier, tiny_reviews, tmp_path, options, said
):
    shared = SharedResults(tmp_path / "shared")
    with pytest.raises(BadRequest, match=said):
        distill(bench, tiny_classifier, tiny_reviews, task=shared.task(bench, "one"), **options)
    assert shared.built == []


def test_a_length_that_no_text_fits_into_is_refused():
    with pytest.raises(ValidationError, match="max_length"):
        LogitKD(max_length=2)


def test_logits_are_in_the_order_of_the_rows(bench, tiny_classifier, tiny_reviews, tmp_path):
    import numpy as np
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    import torch

    shared = SharedResults(tmp_path / "shared")
    distill(bench, tiny_classifier, tiny_reviews, task=shared.task(bench, "one"), transfer_rows=0, epochs=1)
    logits = np.load(tmp_path / "shared/0/outputs.npy")
    (texts,), (validation,) = (tiny_reviews.columns(split, "text") for split in ("train", "validation"))
    assert len(logits) == len(texts) + len(validation)
    net = AutoModelForSequenceClassification.from_pretrained(tiny_classifier.path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_classifier.path)
    with torch.no_grad():
        alone = net(**tokenizer(texts[17], return_tensors="pt")).logits[0]
    assert np.allclose(logits[17], alone, atol=1e-5)


def test_a_given_student_is_taught(bench, tiny_classifier, tiny_encoder, tiny_reviews):
    made = distill(bench, tiny_classifier, tiny_reviews, student=tiny_encoder, epochs=4, learning_rate=3e-3)
    assert made.summary["layers"] == 4
    assert made.summary["accuracy"] > 0.5
    assert made.meta["labels"] == labels_of(tiny_classifier)


def test_altered_text_is_learnt_from_too(bench, tiny_classifier, tiny_reviews):
    made = distill(bench, tiny_classifier, tiny_reviews, augment=2, transfer_rows=0)
    assert made.summary["altered_rows"] == 480
    assert made.summary["transfer_rows"] == 0
    assert made.summary["kept"] > 0.85


def test_labels_alone_can_teach_too(bench, tiny_classifier, tiny_reviews):
    made = distill(bench, tiny_classifier, tiny_reviews, alpha=1.0, mse_weight=0.0, transfer_rows=0)
    assert made.summary["accuracy"] > 0.6


def test_layers_the_teacher_does_not_have_are_refused(bench, tiny_classifier, tiny_reviews):
    with pytest.raises(BadRequest, match="layers 0 to 3, not 4"):
        distill(bench, tiny_classifier, tiny_reviews, layers=[0, 4])


@pytest.mark.parametrize("layers", [[], [1, 0], [1, 1], [-1]])
def test_layers_must_ascend(layers):
    with pytest.raises(ValidationError, match="layers"):
        LogitKD(layers=layers)


def test_layers_and_a_student_contradict_each_other(bench, tiny_classifier, tiny_encoder, tiny_reviews):
    with pytest.raises(BadRequest, match="leave out one"):
        distill(bench, tiny_classifier, tiny_reviews, student=tiny_encoder, layers=[0])


def test_a_teacher_must_be_a_classifier(bench, tiny_encoder, tiny_reviews):
    with pytest.raises(BadRequest, match="teacher: this model is not a classifier"):
        distill(bench, tiny_encoder, tiny_reviews)


def test_a_teacher_of_other_labels_is_refused(bench, tiny_classifier, tiny_reviews):
    other = replace(tiny_reviews, meta={**tiny_reviews.meta, "labels": ["bad", "fine", "good"]})
    with pytest.raises(BadRequest, match=r"teacher: its labels are \[negative, neutral, positive\]"):
        distill(bench, tiny_classifier, other)


def test_a_student_of_other_labels_is_refused(bench, tiny_classifier, tiny_reviews):
    other = replace(tiny_classifier, meta={**tiny_classifier.meta, "labels": ["bad", "fine", "good"]})
    with pytest.raises(BadRequest, match=r"student: its labels are \[bad, fine, good\]"):
        distill(bench, tiny_classifier, tiny_reviews, student=other)


def test_inputs_are_left_as_they_were(bench, tiny_classifier, tiny_reviews):
    distill(bench, tiny_classifier, tiny_reviews, epochs=1)
    assert sealed(tiny_classifier).digest == tiny_classifier.digest
    assert sealed(tiny_reviews).digest == tiny_reviews.digest
