"""What Kubeflow's pages show of a report."""

import json

import pytest

from judged import LABELS, first, quality_report, speed_report
from slmworks.contract.artifact import HEADER
from slmworks.engines.kubeflow import outputs
from slmworks.store import open_store

N = {"validation": 30, "test": 60}


@pytest.fixture
def shown(bench, tmp_path):
    """The confusion matrix that Kubeflow is given of a report."""
    store = open_store(str(tmp_path / "store"))

    def show(report):
        return outputs._confusion(store, store.put(report.path, report.seal()))

    return show


def test_a_confusion_matrix_is_the_one_of_the_report(bench, shown):
    right = {split: first(n, n // 2) for split, n in N.items()}
    matrix = shown(quality_report(bench, "1" * 64, right))["confusionMatrix"]
    assert [one["displayName"] for one in matrix["annotationSpecs"]] == LABELS
    # 20 rows of each class, every second one is taken for the next class
    assert [one["row"] for one in matrix["rows"]] == [[10, 10, 0], [0, 10, 10], [10, 0, 10]]


def test_a_report_without_classes_has_none(bench, shown):
    assert shown(speed_report(bench, "1" * 64, None)) == {}
    report = quality_report(bench, "1" * 64, {split: [True] * n for split, n in N.items()})
    content = report.read()
    content["splits"]["test"]["details"] = {}
    (report.path / "report.json").write_text(json.dumps(content))
    assert shown(report) == {}


def test_a_matrix_too_large_for_a_screen_is_left_out(bench, shown, monkeypatch):
    monkeypatch.setattr(outputs, "MOST_LABELS", 2)
    assert shown(quality_report(bench, "1" * 64, {split: [True] * n for split, n in N.items()})) == {}


def test_an_error_in_place_of_a_page_is_text(tmp_path):
    store = open_store(str(tmp_path / "store"))
    folder = store.root / "objects" / ("0" * 64)
    folder.mkdir(parents=True)
    header = {"kind": "<script>alert(1)</script>", "format": "", "meta": {}, "refs": {}}
    (folder / HEADER).write_text(json.dumps(header))
    page = outputs._page(store, "0" * 64)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page
