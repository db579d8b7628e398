"""Fine-tuning: it learns, it says how it goes, and it refuses what it can't learn from."""

import json
from dataclasses import replace

import numpy as np
import pytest

import families
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import Bench, sealed
from slmworks_torch.classifier import FinetuneClassifier

QUICK = {"epochs": 4, "learning_rate": 3e-3, "batch_size": 16, "max_length": 24, "dropout": 0.0}


def finetune(bench: Bench, model: Model, data: Dataset, name: str = "finetune", **options: object) -> Model:
    made = FinetuneClassifier(**{**QUICK, **options}).run(model=model, data=data, task=bench.task(name))
    return sealed(made)


def test_an_encoder_becomes_a_classifier(bench, tiny_encoder, tiny_reviews):
    made = finetune(bench, tiny_encoder, tiny_reviews)
    assert made.meta["labels"] == labels_of(tiny_reviews)
    assert made.meta["task"] == "classification"
    assert made.meta["max_length"] == 24
    assert made.summary["accuracy"] > 0.8
    config = json.loads((made.path / "config.json").read_text())
    assert config["id2label"] == {"0": "negative", "1": "neutral", "2": "positive"}
    assert config["label2id"] == {"negative": 0, "neutral": 1, "positive": 2}
    files = {path.name for path in made.path.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= files


def test_the_written_folder_predicts_what_was_measured(bench, tiny_encoder, tiny_reviews):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    made = finetune(bench, tiny_encoder, tiny_reviews)
    net = AutoModelForSequenceClassification.from_pretrained(made.path)
    tokenizer = AutoTokenizer.from_pretrained(made.path)
    texts, labels = tiny_reviews.columns("validation", "text", "label")
    logits = net(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    given = [net.config.id2label[number] for number in logits.argmax(dim=1).tolist()]
    right = sum(a == b for a, b in zip(given, labels, strict=True)) / len(labels)
    assert right == pytest.approx(made.summary["accuracy"], abs=1e-4)


def test_progress_and_metrics_reach_the_display(bench, tiny_encoder, tiny_reviews):
    finetune(bench, tiny_encoder, tiny_reviews, epochs=2)
    progress = [event for event in bench.events if event["event"] == "progress"]
    assert progress[-1]["done"] == progress[-1]["total"] == 480
    assert progress[-1]["note"] == "epoch 2/2"
    names = {name for event in bench.events if event["event"] == "metrics" for name in event["metrics"]}
    assert names == {"loss", "validation_accuracy", "validation_macro_f1"}


def test_the_same_seed_gives_the_same_bytes(bench, tiny_encoder, tiny_reviews):
    options = {"epochs": 1, "dropout": 0.1}
    first, again = (finetune(bench, tiny_encoder, tiny_reviews, name, **options) for name in ("one", "two"))
    assert first.digest == again.digest


def test_a_classifier_of_the_same_labels_keeps_its_head(bench, tiny_classifier, tiny_reviews):
    made = finetune(bench, tiny_classifier, tiny_reviews, epochs=1, learning_rate=1e-9)
    assert made.summary["accuracy"] > 0.8
    assert not [event for event in bench.events if event["event"] == "line"]


def test_a_classifier_of_other_labels_gets_a_new_head_and_says_so(bench, tiny_classifier, tiny_reviews):
    shuffled = replace(tiny_classifier, meta={**tiny_classifier.meta, "labels": ["a", "b", "c"]})
    finetune(bench, shuffled, tiny_reviews, epochs=1)
    assert "new head" in next(event["line"] for event in bench.events if event["event"] == "line")


def test_frozen_embeddings_stay_as_they_are(bench, tiny_encoder, tiny_reviews):
    from safetensors.torch import load_file

    made = finetune(bench, tiny_encoder, tiny_reviews, epochs=1, freeze_embeddings=True)
    before = load_file(tiny_encoder.path / "model.safetensors")
    after = load_file(made.path / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    assert after[f"bert.{name}"].equal(before[name])


def test_a_learning_rate_that_explodes_fails_in_one_line(bench, tiny_encoder, tiny_reviews):
    with pytest.raises(TaskFailed, match="lower learning_rate"):
        finetune(bench, tiny_encoder, tiny_reviews, learning_rate=1e38)


def test_texts_longer_than_the_model_are_refused(bench, tiny_encoder, tiny_reviews):
    with pytest.raises(BadRequest, match="max_length: 65 tokens are more than the 64"):
        finetune(bench, tiny_encoder, tiny_reviews, max_length=65)


def test_a_folder_without_usable_weights_is_refused(bench, tiny_encoder, tiny_reviews, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tiny_encoder.path.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(BadRequest, match="model: cannot be loaded"):
        finetune(bench, Model(path=broken), tiny_reviews)


def test_weights_of_another_model_are_refused(bench, tiny_encoder, tiny_reviews, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for file in tiny_encoder.path.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 6}))
    with pytest.raises(BadRequest, match="doesn't hold bert.encoder.layer.4"):
        finetune(bench, Model(path=other), tiny_reviews)


FAMILIES_BY_PADDING = {"bert": None, "roberta": None, "albert": None, "llama": 2, "mistral": 2, "qwen2": 2}


@pytest.mark.parametrize(("family", "written"), FAMILIES_BY_PADDING.items())
def test_texts_are_padded_in_service_as_in_training(family, written, bench, tiny_reviews, tmp_path):
    """Llama's kin take the last token that is not padding for the text's end: another id is another answer."""
    base = families.write(family, tmp_path)
    made = finetune(bench, base, tiny_reviews, epochs=1)
    padding = json.loads((made.path / "tokenizer.json").read_text())["padding"]
    assert (padding and padding["pad_id"]) == written
    runtime = open_runtime(made, threads=1)
    assert (
        runtime.tokenizer.padding["pad_id"]
        == json.loads((made.path / "config.json").read_text())["pad_token_id"]
    )
    rows = tiny_reviews.rows("validation", "text", "label")
    answers = answer_all(runtime, [{"text": row["text"]} for row in rows])
    right = sum(answer["label"] == row["label"] for answer, row in zip(answers, rows, strict=True))
    assert right / len(rows) == pytest.approx(made.summary["accuracy"], abs=1e-4)
    texts = [{"text": text} for text in ("great", "the camera is great and lovely and fast and good", "")]
    alone = np.concatenate([runtime.outputs([text]) for text in texts])
    np.testing.assert_allclose(runtime.outputs(texts), alone, atol=1e-4)


def test_a_student_keeps_its_teachers_padding(bench, tiny_reviews, tmp_path):
    from slmworks_torch.logit_kd import LogitKD

    teacher = finetune(bench, families.write("llama", tmp_path), tiny_reviews, epochs=1)
    student = LogitKD(epochs=1, vocabulary="keep").run(
        teacher=teacher, student=None, data=tiny_reviews, task=bench.task("student")
    )
    assert json.loads((student.path / "tokenizer.json").read_text())["padding"]["pad_id"] == 2
