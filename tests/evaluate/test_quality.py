import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss

import judged
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.evaluate import predictions
from slmworks.evaluate.quality import ClassifierQuality
from slmworks.model_tasks.text_classification.calibration import calibration
from slmworks.testing import sealed


@pytest.fixture
def judge(bench, tiny_reviews):
    """Evaluate a model; a name makes the task's folder."""

    def run(name, model, baseline=None, data=None, **options):
        plugin = ClassifierQuality(resamples=200, **options)
        report = plugin.run(model=model, baseline=baseline, data=data or tiny_reviews, task=bench.task(name))
        return bench.keep(report)

    return run


@pytest.fixture
def worse(tiny_classifier, tmp_path):
    """The same classifier with its last layer's bias bent: it makes other mistakes."""
    import shutil

    from safetensors.torch import load_file, save_file

    folder = tmp_path / "worse"
    shutil.copytree(tiny_classifier.path, folder)
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][0] += 2.0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    meta = {**tiny_classifier.meta, "quantized": {"method": "bent"}}
    return sealed(Model(path=folder, format="hf", meta=meta))


def write_split(data: Dataset, split: str, rows: list[dict]) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("id", "text", "label", "source")])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), data.path / f"{split}.parquet")


def test_scores_are_those_of_the_answers(judge, tiny_classifier, tiny_reviews):
    report = judge("quality", tiny_classifier)
    test = report.read()["splits"]["test"]
    texts, labels = tiny_reviews.columns("test", "text", "label")
    runtime = open_runtime(tiny_classifier, threads=1)
    answers = [runtime.labels[i] for i in runtime.predict(texts).argmax(axis=1)]
    right = sum(a == b for a, b in zip(answers, labels, strict=True))
    assert test["n"] == 60
    assert test["accuracy"]["value"] == pytest.approx(right / 60, abs=1e-6)
    assert test["accuracy"]["low"] < test["accuracy"]["value"] <= test["accuracy"]["high"]
    assert [one["support"] for one in test["classes"]] == [20, 20, 20]
    assert [(one["source"], one["n"]) for one in test["slices"]] == [("shop", 30), ("web", 30)]
    assert report.refs == {"model": tiny_classifier.digest, "data": tiny_reviews.digest}
    assert report.summary["accuracy"] == pytest.approx(right / 60, abs=1e-4)


def test_every_row_is_kept_with_its_probabilities(judge, tiny_classifier, tiny_reviews):
    report = judge("quality", tiny_classifier)
    table = pq.read_table(report.path / "predictions.parquet").to_pylist()
    assert len(table) == 120
    for row in table:
        assert row["probability"] == pytest.approx(max(row["probabilities"]))
        best = row["probabilities"].index(max(row["probabilities"]))
        assert row["predicted"] == tiny_classifier.labels[best]
    rows = predictions.read(report.path, "test")
    assert rows.ids == tiny_reviews.columns("test", "id")[0]
    assert set(rows.others) == {"majority", "tf-idf + linear"}


def test_the_reference_is_judged_beside_trivial_baselines(judge, tiny_classifier):
    trivial = judge("quality", tiny_classifier).read()["trivial"]
    assert trivial["majority"]["test"]["accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert trivial["tf-idf + linear"]["test"]["accuracy"]["value"] > 0.9
    assert "trivial" not in judge("without", tiny_classifier, trivial=False).read()


def test_the_same_model_gives_the_same_bytes(judge, tiny_classifier):
    assert judge("one", tiny_classifier).digest == judge("two", tiny_classifier).digest


def test_a_candidate_is_paired_with_its_baseline(judge, tiny_classifier, worse):
    teacher = judge("teacher", tiny_classifier)
    report = judge("student", worse, teacher)
    said = report.read()
    test = said["splits"]["test"]
    against = test["against"]
    before = teacher.read()["splits"]["test"]["accuracy"]["value"]
    assert against["accuracy"]["value"] == before
    assert against["retention"]["value"] == pytest.approx(test["accuracy"]["value"] / before, abs=1e-5)
    assert against["retention"]["low"] <= against["retention"]["bound"] <= against["retention"]["value"]
    assert against["gained"] - against["lost"] == round(60 * (test["accuracy"]["value"] - before))
    assert against["lost"] > 0
    assert sum(one["lost"] for one in against["slices"]) == against["lost"]
    assert report.refs["baseline"] == teacher.digest
    assert said["baseline"]["model"] == tiny_classifier.digest
    assert said["name"] == "bent"
    assert "trivial" not in said


def test_calibration_agrees_with_sklearn_and_the_definition(judge, tiny_classifier):
    report = judge("quality", tiny_classifier)
    found = report.read()["splits"]["test"]["calibration"]
    rows = predictions.read(report.path, "test")
    shares = rows.probabilities.astype(float) / rows.probabilities.sum(axis=1, keepdims=True)
    truth = [tiny_classifier.labels.index(label) for label in rows.truth]
    assert found["nll"] == pytest.approx(log_loss(truth, shares, labels=[0, 1, 2]), abs=1e-3)
    assert found["brier"] == pytest.approx(((shares - np.eye(3)[truth]) ** 2).sum(axis=1).mean(), abs=1e-3)
    assert sum(one["n"] for one in found["bins"]) == 60
    gaps = [one["n"] * abs(one["confidence"] - one["accuracy"]) for one in found["bins"]]
    assert found["ece"] == pytest.approx(sum(gaps) / 60, abs=1e-5)
    assert all(one["low"] <= one["confidence"] <= one["high"] for one in found["bins"])


def test_an_overconfident_model_has_the_error_one_expects():
    rows = judged.answers("test", [i % 2 == 0 for i in range(300)])  # says 0.7, is right half the time
    found = calibration(rows, judged.LABELS)
    assert found["ece"] == pytest.approx(0.2, abs=1e-6)
    assert found["ece_equal_mass"] == pytest.approx(0.2, abs=0.03)
    assert found["brier"] == pytest.approx((0.3**2 + 2 * 0.15**2 + 0.7**2 + 0.85**2 + 0.15**2) / 2)


def test_examples_show_the_text_and_both_answers(judge, tiny_classifier, worse, tiny_reviews):
    report = judge("student", worse, judge("teacher", tiny_classifier)).read()
    lost = report["examples"]["lost"]
    ids, texts = tiny_reviews.columns("test", "id", "text")
    assert lost
    for one in lost:
        assert one["text"] == texts[ids.index(one["id"])]
        assert one["theirs"] == one["label"] != one["ours"]


def test_rows_are_paired_by_id_not_by_place(judge, bench, tiny_classifier, tiny_reviews, tmp_path):
    import shutil

    folder = tmp_path / "shuffled"
    shutil.copytree(tiny_reviews.path, folder)
    turned = sealed(replace(tiny_reviews, path=folder))
    rows = pq.read_table(turned.path / "test.parquet").to_pylist()
    write_split(turned, "test", rows[::-1])
    teacher = judge("teacher", tiny_classifier)
    against = judge("same", tiny_classifier, teacher, data=turned).read()["splits"]["test"]["against"]
    assert (against["gained"], against["lost"], against["mcnemar_p"]) == (0, 0, 1.0)
    write_split(turned, "test", rows[:-1])
    with pytest.raises(BadRequest, match=r"judged other rows of 'test' .*60 and 59 rows"):
        judge("fewer", tiny_classifier, teacher, data=turned)


def test_other_labels_are_refused_naming_both(judge, tiny_classifier, tiny_reviews):
    data = replace(tiny_reviews, meta={"task": "classification", "labels": ["ham", "spam"]})
    with pytest.raises(
        BadRequest, match="answers negative, neutral, positive, the data is labelled ham, spam"
    ):
        judge("quality", tiny_classifier, data=data)


def test_a_speed_report_is_no_baseline_for_quality(judge, tiny_classifier):
    teacher = judge("teacher", tiny_classifier)
    with pytest.raises(BadRequest, match="report of type 'speed'"):
        judge("student", tiny_classifier, replace(teacher, meta={"type": "speed"}))


def test_an_empty_split_is_refused(judge, tiny_classifier, tiny_reviews, tmp_path):
    import shutil

    folder = tmp_path / "empty"
    shutil.copytree(tiny_reviews.path, folder)
    data = sealed(replace(tiny_reviews, path=folder))
    write_split(data, "validation", [])
    with pytest.raises(BadRequest, match="'validation' has no rows"):
        judge("quality", tiny_classifier, data=data)


def test_a_report_holds_no_time(judge, tiny_classifier):
    text = json.dumps(judge("quality", tiny_classifier).read())
    assert "_ms" not in text
    assert "seconds" not in text
