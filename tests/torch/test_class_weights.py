"""Weights of labels: scikit-learn's numbers, rare labels that are found, and bad ones refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.utils.class_weight import compute_class_weight

import torch
from conftest import THINGS
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.class_weights import weights_of
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.logit_kd import LogitKD
from slmworks_torch.losses import cross_entropy, distillation

LABELS = ["negative", "neutral", "positive"]
CLASSES = [0] * 12 + [1] * 3 + [2]
QUICK = {"epochs": 3, "learning_rate": 2e-3, "batch_size": 16, "max_length": 24, "dropout": 0.0}


def test_balanced_weights_are_scikit_learns_and_are_said(bench: Bench) -> None:
    found = weights_of("balanced", LABELS, CLASSES, bench.task("t"))
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=np.array(CLASSES))
    assert found == pytest.approx(list(wanted))
    (line,) = [event["line"] for event in bench.events]
    assert line == "class weights: from 0.444 (negative, 12 rows) to 5.33 (positive, 1 rows)"


def test_of_given_weights_only_ratios_matter(bench: Bench) -> None:
    once, twice = (
        weights_of(dict(zip(LABELS, given, strict=True)), LABELS, CLASSES, bench.task(str(given)))
        for given in ((1.0, 4.0, 4.0), (2.0, 8.0, 8.0))
    )
    assert once == pytest.approx(twice)
    assert weights_of({"neutral": 4.0, "positive": 4.0}, LABELS, CLASSES, bench.task("some")) == once
    assert once is not None
    assert np.mean([once[place] for place in CLASSES]) == pytest.approx(1)


def test_a_row_of_weight_two_counts_like_two_rows() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.5, 0.1]])
    twice = torch.cat([logits, logits[1:]])
    weighted = cross_entropy([0, 1], [0.75, 1.5])(logits, [0, 1])
    assert float(weighted) == pytest.approx(float(cross_entropy([0, 1, 1])(twice, [0, 1, 2])) * 0.75 * 3 / 2)
    options: dict[str, Any] = {"temperature": 1.0, "alpha": 1.0, "mse": 0.0}
    hard = distillation(logits, [0, 1], **options, weights=[0.75, 1.5])  # its teacher is matched already
    assert float(hard(logits, [0, 1])) == pytest.approx(float(weighted))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("balance", "class_weights: it is none, balanced, or a weight for some labels, like {spam: 5}, got 'balance'."),
        ({"spam": 0}, "class_weights: the weight of 'spam' is 0; it must be a number above 0."),
        ({"spam": -1.5}, "class_weights: the weight of 'spam' is -1.5; it must be a number above 0."),
        ({"spam": "5"}, "class_weights: the weight of 'spam' is '5'; it must be a number above 0."),
        ([1, 2], "class_weights: it is none, balanced, or a weight for some labels, like {spam: 5}, got [1, 2]."),
    ],
)  # fmt: skip
def test_what_is_no_weight_is_refused_when_a_recipe_is_read(given: Any, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        configure(FinetuneClassifier, "classifier", {"class_weights": given})
    assert str(caught.value) == said


def test_a_label_that_the_data_lack_is_refused_before_anything_is_loaded(
    bench: Bench, tiny_reviews: Dataset, tmp_path: Path
) -> None:
    step = FinetuneClassifier(class_weights={"positiv": 2})
    with pytest.raises(
        BadRequest, match=r"class_weights: the data have no label 'positiv'\. Did you mean 'positive'\?"
    ):
        step.run(model=Model(path=tmp_path, format="hf"), data=tiny_reviews, task=bench.task("t"))


def test_weights_of_labels_that_a_student_does_not_learn_are_refused() -> None:
    with pytest.raises(
        OptionError, match="with alpha 0 none is learnt; raise alpha, or give them to the teacher's"
    ):
        configure(LogitKD, "logit-kd", {"class_weights": "balanced"})
    configure(LogitKD, "logit-kd", {"class_weights": "balanced", "alpha": 0.5})


def complaints(folder: Path) -> Dataset:
    """One complaint in ten is urgent: two in five of those that say `broken`, none of the others."""
    folder.mkdir()
    for split, count in (("train", 240), ("validation", 120)):
        rows = []
        for number in range(count):
            word = "broken" if number % 4 == 0 else "usual"
            label = "urgent" if word == "broken" and number % 5 < 2 else "plain"
            text = f"my {THINGS[number % len(THINGS)]} arrived {word}"
            rows.append({"id": f"{split}-{number}", "source": "shop", "text": text, "label": label})
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    meta = {"task": "text-classification", "labels": ["plain", "urgent"]}
    return sealed(Dataset(path=folder, meta=meta))


def recall(model: Model, data: Dataset, label: str) -> float:
    rows = [row for row in data.rows("validation", "text", "label") if row["label"] == label]
    answers = answer_all(open_runtime(model, threads=1), [{"text": row["text"]} for row in rows])
    return sum(answer["label"] == label for answer in answers) / len(rows)


def test_a_rare_label_is_found_by_a_balanced_training_and_by_its_student(
    bench: Bench, tiny_encoder: Model, tmp_path: Path
) -> None:
    """Without weights the likelier label is right more often, and the rare one is never said."""
    data = complaints(tmp_path / "complaints")
    made = {
        word: sealed(
            FinetuneClassifier(**QUICK, class_weights=word).run(
                model=tiny_encoder, data=data, task=bench.task(word)
            )
        )
        for word in ("none", "balanced")
    }
    assert recall(made["none"], data, "urgent") == 0
    assert recall(made["balanced"], data, "urgent") == 1
    assert made["balanced"].summary["macro_f1"] > made["none"].summary["macro_f1"] + 0.2
    assert made["balanced"].summary["weighted_accuracy"] > made["balanced"].summary["accuracy"]
    options = {**QUICK, "epochs": 6, "alpha": 5.0, "mse_weight": 0.0, "class_weights": "balanced"}
    taught = LogitKD(**options).run(teacher=made["none"], student=None, data=data, task=bench.task("kd"))
    assert recall(sealed(taught), data, "urgent") == 1
