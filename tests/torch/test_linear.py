"""The linear model: the file computes what was learnt, goes on where it was, and knows what it can't take."""

import numpy as np
import pytest

from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import sealed
from slmworks_torch.linear import Linear


def learnt(bench, model, data, name="linear", **options):
    return sealed(
        Linear(**{"epochs": 4, "pairs": 64, **options}).run(model=model, data=data, task=bench.task(name))
    )


def right(model, data) -> list[bool]:
    rows = data.rows("validation", "text", "label")
    answers = answer_all(open_runtime(model, threads=1), [{"text": row["text"]} for row in rows])
    return [a["label"] == row["label"] for a, row in zip(answers, rows, strict=True)]


@pytest.mark.parametrize("pairs", [0, 64])
def test_the_file_answers_as_the_model_learnt(bench, tiny_classifier, tiny_reviews, pairs):
    made = learnt(bench, tiny_classifier, tiny_reviews, pairs=pairs)
    assert made.format == "onnx"
    assert np.mean(right(made, tiny_reviews)) == pytest.approx(made.summary["accuracy"], abs=1e-4)
    assert made.summary["accuracy"] > 0.7
    assert learnt(bench, tiny_classifier, tiny_reviews, name="again", pairs=pairs).digest == made.digest


def test_it_goes_on_where_it_was(bench, tiny_classifier, tiny_reviews):
    begun = learnt(bench, tiny_classifier, tiny_reviews, epochs=1, learning_rate=0.01)
    further = learnt(bench, begun, tiny_reviews, name="further", epochs=1, learning_rate=1e-6)
    assert right(further, tiny_reviews) == right(begun, tiny_reviews)  # hardly a step away
    assert further.meta["parameters"] == begun.meta["parameters"]


def test_a_model_that_is_none_to_go_on_with_is_one_line(bench, tiny_classifier, tiny_reviews, tmp_path):
    from dataclasses import replace

    begun = learnt(bench, tiny_classifier, tiny_reviews, epochs=1)
    with pytest.raises(
        BadRequest, match="an ONNX file that is not linear can't be trained on; give a Hugging"
    ):
        learnt(bench, replace(begun, meta={**begun.meta, "linear": False}), tiny_reviews, name="a")
    with pytest.raises(BadRequest, match="it knows other labels than the data"):
        learnt(bench, replace(begun, meta={**begun.meta, "labels": ["x"]}), tiny_reviews, name="b")
    with pytest.raises(BadRequest, match=r"there is no tokenizer.json in it"):
        learnt(bench, replace(begun, path=tmp_path), tiny_reviews, name="c")
