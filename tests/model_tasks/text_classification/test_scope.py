import numpy as np
import pytest

from slmworks.model_tasks.text_classification import temperature
from slmworks.model_tasks.text_classification.onnx import answers, softmax
from slmworks.model_tasks.text_classification.scope import scope_scores


def test_scores_are_those_of_the_papers() -> None:
    logits = np.array([[2.0, 0.0, -1.0], [1000.0, 0.0, 0.0]], np.float32)
    for warmth in (1.0, 2.0):
        energy = warmth * np.log(np.exp(logits[0].astype(float) / warmth).sum())
        assert scope_scores(logits, "energy", warmth) == pytest.approx([energy, 1000.0])
        assert scope_scores(logits, "max-softmax", warmth) == pytest.approx(
            softmax(logits / warmth).max(axis=1)
        )
        assert scope_scores(logits, "max-logit", warmth) == pytest.approx([2.0, 1000.0])
    with pytest.raises(ValueError, match="no score of scope is called 'entropy'"):
        scope_scores(logits, "entropy")


def test_the_fitted_temperature_is_the_one_that_the_labels_were_drawn_with() -> None:
    chance = np.random.default_rng(2)
    logits = chance.normal(size=(4000, 5)) * 4
    drawn = [chance.choice(5, p=one) for one in softmax(logits / 2.5)]
    assert temperature.fitted(logits, np.array(drawn)) == pytest.approx(2.5, rel=0.05)


def test_answers_say_whether_they_are_in_scope() -> None:
    logits = np.array([[2.0, 0.0], [0.1, 0.0]], np.float32)
    scope = {"score": "max-logit", "threshold": 1.0, "temperature": 2.0}
    sure, unsure = answers(logits, ["a", "b"], scope)
    assert (sure["in_scope"], unsure["in_scope"]) == (True, False)
    assert sure["scope_score"] == pytest.approx(2.0)
    assert sure["score"] == pytest.approx(softmax(logits / 2)[0, 0])  # its temperature holds for both
    assert set(answers(logits, ["a", "b"])[0]) == {"label", "score", "scores"}
