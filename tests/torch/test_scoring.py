"""Scores as scikit-learn computes them, and logits that come back in the order of the rows."""

import pytest
from sklearn.metrics import accuracy_score, f1_score

from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_torch.batches import encode
from slmworks_torch.classification import load_classifier, logits, score
from slmworks_torch.scoring import Score, outputs_of, share_error


@pytest.mark.parametrize("classes", [[0, 1, 2, 2, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
def test_the_score_of_a_classifier_agrees_with_scikit_learn(classes):
    import torch

    found = torch.eye(4)[[0, 1, 1, 2, 1, 1, 1]]
    given = found.argmax(dim=1).tolist()
    assert score(found, classes).numbers == {
        "accuracy": pytest.approx(accuracy_score(classes, given)),
        "macro_f1": pytest.approx(f1_score(classes, given, average="macro", zero_division=0)),
    }


def test_worse_by_chance_is_not_clearly_worse():
    best = Score("accuracy", 0.82, share_error(0.82, 600))
    assert best.standard_error == pytest.approx(0.016, abs=0.001)
    assert not Score("accuracy", 0.81, 0.0).clearly_worse(best)
    assert Score("accuracy", 0.80, 0.0).clearly_worse(best)
    assert not Score("accuracy", 0.83, 0.0).clearly_worse(best)


def test_logits_keep_the_order_of_the_rows(tiny_classifier, tiny_reviews):
    import torch

    classifier = load_classifier(tiny_classifier, labels_of(tiny_classifier), port="model")
    (texts,) = tiny_reviews.columns("test", "text")
    together = outputs_of(classifier.net, logits, classifier.encode(texts), size=7)
    alone = torch.cat([outputs_of(classifier.net, logits, classifier.encode([text])) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)


def test_texts_are_cut_to_the_longest_that_is_read(tiny_classifier):
    classifier = load_classifier(tiny_classifier, labels_of(tiny_classifier), port="model", max_length=6)
    assert [len(row) for row in classifier.encode(["great " * 50, "great"]).ids] == [6, 3]
    longer = encode(classifier.tokenizer, ["great " * 50], max_length=9, pad=0)
    assert len(longer.ids[0]) == 9
