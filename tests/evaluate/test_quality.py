import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import LeftOut
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.contract.stage import Task
from slmworks.evaluate import predictions
from slmworks.evaluate.quality import Quality
from slmworks.model_tasks.text_classification import trivial
from slmworks.model_tasks.text_classification.calibration import calibration
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.testing import sealed


@pytest.fixture
def judge(bench, tiny_reviews):
    """Evaluate a model; a name makes the task's folder."""

    def run(name, model, baseline=None, data=None, **options):
        plugin = Quality(resamples=200, **options)
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
    answers = [answer["label"] for answer in answer_all(runtime, [{"text": text} for text in texts])]
    right = sum(a == b for a, b in zip(answers, labels, strict=True))
    assert test["n"] == 60
    accuracy = test["measures"]["accuracy"]
    assert accuracy["value"] == pytest.approx(right / 60, abs=1e-6)
    assert accuracy["low"] < accuracy["value"] <= accuracy["high"]
    assert [one["support"] for one in test["details"]["classes"]] == [20, 20, 20]
    assert np.array(test["details"]["confusion"]["matrix"]).trace() == right
    parts = [(one["kind"], one["value"], one["n"]) for one in test["slices"]]
    labels = [("label", label, 20) for label in labels_of(tiny_classifier)]
    assert parts == [("source", "shop", 30), ("source", "web", 30), *labels]
    assert report.refs == {"model": tiny_classifier.digest, "data": tiny_reviews.digest}
    assert report.summary["accuracy"] == pytest.approx(right / 60, abs=1e-4)


def test_a_probe_says_what_decides_and_nothing_more(judge, tiny_classifier):
    whole, probe = (
        judge(f"quality-{wanted}", tiny_classifier, details=wanted, slices=wanted, trivial=False)
        for wanted in (True, False)
    )
    mine, theirs = (report.read()["splits"]["validation"] for report in (probe, whole))
    assert mine["measures"] == {"accuracy": theirs["measures"]["accuracy"]}
    assert mine["limits"] == {}
    assert "slices" not in mine
    assert "classes" not in mine["details"]
    assert (probe.path / "predictions.parquet").read_bytes() == (
        whole.path / "predictions.parquet"
    ).read_bytes()


def test_every_row_is_kept_with_its_probabilities(judge, tiny_classifier, tiny_reviews):
    report = judge("quality", tiny_classifier)
    table = pq.read_table(report.path / "predictions.parquet").to_pylist()
    assert len(table) == 120
    for row in table:
        scores = row["answer"]["scores"]
        assert row["answer"]["score"] == row["confidence"] == pytest.approx(max(scores.values()))
        assert row["answer"]["label"] == row["brief"] == max(scores, key=scores.get)
        assert row["counts.accuracy"] == [float(row["brief"] == row["truth"]["label"]), 1.0]
    rows = predictions.read(report.path, "test")
    assert rows.ids == tiny_reviews.columns("test", "id")[0]
    assert set(rows.trivial) == {"majority", "tf-idf + linear"}


def test_the_reference_is_judged_beside_trivial_baselines(judge, tiny_classifier):
    trivial = judge("quality", tiny_classifier).read()["trivial"]
    found = {name: splits["test"]["measures"]["accuracy"]["value"] for name, splits in trivial.items()}
    assert found["majority"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["tf-idf + linear"] > 0.9
    assert "trivial" not in judge("without", tiny_classifier, trivial=False).read()


def test_a_baseline_that_cannot_be_fitted_is_left_out_with_a_word(judge, tiny_classifier, monkeypatch):
    monkeypatch.setattr(trivial, "_linear", lambda *_: LeftOut("empty vocabulary"))
    said: list[str] = []
    monkeypatch.setattr(Task, "say", lambda _, line: said.append(line))
    found = judge("quality", tiny_classifier).read()
    assert set(found["trivial"]) == {"majority"}
    assert found["trivial_left_out"] == {"tf-idf + linear": "empty vocabulary"}
    assert said == ["the trivial baseline 'tf-idf + linear' is left out: empty vocabulary"]


def test_the_same_model_gives_the_same_bytes(judge, tiny_classifier):
    assert judge("one", tiny_classifier).digest == judge("two", tiny_classifier).digest


def test_a_candidate_is_paired_with_its_baseline(judge, tiny_classifier, worse):
    teacher = judge("teacher", tiny_classifier)
    report = judge("student", worse, teacher)
    said = report.read()
    test = said["splits"]["test"]
    against = test["against"]
    before = teacher.read()["splits"]["test"]["measures"]["accuracy"]["value"]
    after = test["measures"]["accuracy"]["value"]
    assert against["value"] == before
    assert against["retention"]["value"] == pytest.approx(after / before, abs=1e-5)
    assert against["retention"]["low"] <= against["retention"]["bound"] <= against["retention"]["value"]
    assert against["gained"] - against["lost"] == round(60 * (after - before))
    assert against["lost"] > 0
    for kind in ("source", "label"):
        parts = [one for one in against["slices"] if one["kind"] == kind]
        assert sum(one["lost"] for one in parts) == against["lost"]
    assert report.refs["baseline"] == teacher.digest
    assert said["baseline"]["model"] == tiny_classifier.digest
    assert said["name"] == "bent"
    assert "trivial" not in said


def test_calibration_agrees_with_sklearn_and_the_definition(judge, tiny_classifier):
    report = judge("quality", tiny_classifier)
    said = report.read()["splits"]["test"]
    found = said["details"]["calibration"]
    labels = labels_of(tiny_classifier)
    table = pq.read_table(report.path / "predictions.parquet").to_pylist()
    rows = [row for row in table if row["split"] == "test"]
    shares = np.array([[row["answer"]["scores"][label] for label in labels] for row in rows])
    shares /= shares.sum(axis=1, keepdims=True)
    truth = [labels.index(row["truth"]["label"]) for row in rows]
    assert said["limits"] == {"ece": found["ece"]}
    assert found["nll"] == pytest.approx(log_loss(truth, shares, labels=[0, 1, 2]), abs=1e-3)
    assert found["brier"] == pytest.approx(((shares - np.eye(3)[truth]) ** 2).sum(axis=1).mean(), abs=1e-3)
    assert sum(one["n"] for one in found["bins"]) == 60
    gaps = [one["n"] * abs(one["confidence"] - one["accuracy"]) for one in found["bins"]]
    assert found["ece"] == pytest.approx(sum(gaps) / 60, abs=1e-5)
    assert all(one["low"] <= one["confidence"] <= one["high"] for one in found["bins"])


def test_an_overconfident_model_has_the_error_one_expects():
    truth = np.arange(300) % 3
    answered = np.where(
        np.arange(300) % 2 == 0, truth, (truth + 1) % 3
    )  # right half the time, always 0.7 sure
    probabilities = np.full((300, 3), 0.15, np.float32)
    probabilities[np.arange(300), answered] = 0.7
    found = calibration(probabilities, truth)
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
        assert one["theirs"] == one["truth"] != one["ours"]


def test_rows_are_paired_by_id_not_by_place(judge, bench, tiny_classifier, tiny_reviews, tmp_path):
    import shutil

    folder = tmp_path / "shuffled"
    shutil.copytree(tiny_reviews.path, folder)
    turned = sealed(replace(tiny_reviews, path=folder))
    rows = pq.read_table(turned.path / "test.parquet").to_pylist()
    write_split(turned, "test", rows[::-1])
    teacher = judge("teacher", tiny_classifier)
    against = judge("same", tiny_classifier, teacher, data=turned).read()["splits"]["test"]["against"]
    assert (against["gained"], against["lost"], against["p"]) == (0, 0, 1.0)
    assert against["test"] == "exact McNemar test"
    write_split(turned, "test", rows[:-1])
    with pytest.raises(BadRequest, match=r"judged other rows of 'test' .*60 and 59 rows"):
        judge("fewer", tiny_classifier, teacher, data=turned)


def test_other_labels_are_refused_naming_both(judge, tiny_classifier, tiny_reviews):
    data = replace(tiny_reviews, meta={"task": "classification", "labels": ["ham", "spam"]})
    with pytest.raises(
        BadRequest, match="model's labels are negative, neutral, positive, the data's are ham, spam"
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
