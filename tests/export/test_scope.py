"""`export/scope`: the threshold is in the model that ships, and in nothing else."""

import json
from dataclasses import replace

import pytest

from releases import word_counter
from scoped import UNKNOWN, questions, scoped
from slmworks.contract.artifact import HEADER
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import scan
from slmworks.contract.runtime import open_runtime
from slmworks.contract.scope import scope_of
from slmworks.export.scope import ChooseScope


def test_the_threshold_ships_in_header_and_companions(tmp_path) -> None:
    plain = word_counter(tmp_path / "model")
    made = scoped(tmp_path, plain)
    scope = scope_of(made)
    assert (scope.score, scope.in_scope_recall, scope.rows, scope.temperature) == ("energy", 0.95, 60, 1.0)
    assert json.loads((made.path / "labels.json").read_text())["scope"] == scope.model_dump()
    changed = {one.path for one in set(scan(plain.path)) ^ set(scan(made.path))}
    assert changed == {"labels.json", HEADER}
    assert made.digest != plain.digest
    assert made.summary["in_scope_recall"] >= 0.95
    assert made.summary["out_of_scope_recall"] == 1.0
    assert {key: made.meta[key] for key in plain.meta} == plain.meta


def test_its_runtime_answers_by_it(tmp_path) -> None:
    found = open_runtime(scoped(tmp_path), threads=1).answer(
        [{"text": "good again good"}, {"text": UNKNOWN[0]}]
    )
    assert [one["in_scope"] for one in found] == [True, False]
    assert found[0]["scope_score"] > found[1]["scope_score"]


def test_a_torch_model_knows_its_scope_too(bench, tiny_classifier, tiny_reviews) -> None:
    made = bench.keep(
        ChooseScope(score="max-softmax", in_scope_recall=0.9).run(
            model=tiny_classifier, calibration=tiny_reviews, task=bench.task("scope")
        )
    )
    rows = [{"text": text} for text in tiny_reviews.columns("validation", "text")[0]]
    kept = [one["in_scope"] for one in open_runtime(made, threads=1).answer(rows)]
    assert 0.9 <= sum(kept) / len(kept) <= 0.96
    assert "out_of_scope_recall" not in made.summary


def test_the_best_score_and_a_fitted_temperature(tmp_path) -> None:
    made = scoped(tmp_path, score="best", temperature="fitted")
    scope = scope_of(made)
    assert scope.score in ("energy", "max-softmax", "max-logit")
    assert scope.temperature < 1  # the counter is always right, and could be surer


def test_a_quantizer_refuses_a_model_whose_threshold_it_would_spoil(tmp_path) -> None:
    from slmworks_onnx.onnx_folder import carry_meta

    with pytest.raises(BadRequest, match="put export/scope behind this step"):
        carry_meta(scoped(tmp_path))


@pytest.mark.parametrize(
    ("options", "rows", "outside", "problem"),
    [
        ({}, 15, 40, "15 rows of validation are too few to choose what keeps 95 % .*it takes 19"),
        ({"score": "best"}, 60, 0, "score: best needs out-of-scope rows, and the data have no split"),
    ],
)
def test_bad_data_are_one_line(tmp_path, options, rows, outside, problem) -> None:
    data = questions(tmp_path / "questions", rows=rows, outside=outside)
    with pytest.raises(BadRequest, match=problem):
        scoped(tmp_path, data=data, **options)


def test_a_model_task_without_scores_is_refused(bench, tiny_embedder, tiny_search) -> None:
    task = bench.task("scope")
    with pytest.raises(BadRequest, match="feature-extraction has no score of scope"):
        ChooseScope().run(model=tiny_embedder, calibration=tiny_search, task=task)


def test_data_of_other_labels_are_refused(tmp_path) -> None:
    data = questions(tmp_path / "questions")
    other = replace(data, meta={**data.meta, "labels": ["a", "b"]})
    with pytest.raises(BadRequest, match="labels are"):
        scoped(tmp_path, data=other)
