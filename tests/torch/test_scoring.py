"""Quality as scikit-learn computes it, and logits that come back in the order of the rows."""

import pytest
from sklearn.metrics import accuracy_score, f1_score

from slmworks_torch.batches import encode
from slmworks_torch.hf_folder import load_classifier
from slmworks_torch.scoring import Quality, logits_of, quality


@pytest.mark.parametrize("classes", [[0, 1, 2, 2, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
def test_quality_agrees_with_scikit_learn(classes):
    import torch

    logits = torch.eye(4)[[0, 1, 1, 2, 1, 1, 1]]
    given = logits.argmax(dim=1).tolist()
    found = quality(logits, classes)
    assert found.accuracy == pytest.approx(accuracy_score(classes, given))
    assert found.macro_f1 == pytest.approx(f1_score(classes, given, average="macro", zero_division=0))


def test_worse_by_chance_is_not_clearly_worse():
    best = Quality(0.82, 0.7, 600)  # a standard error is 1.6 points
    assert not Quality(0.81, 0.7, 600).clearly_worse(best)
    assert Quality(0.80, 0.7, 600).clearly_worse(best)
    assert not Quality(0.83, 0.7, 600).clearly_worse(best)


def test_logits_keep_the_order_of_the_rows(tiny_classifier, tiny_reviews):
    import torch

    classifier = load_classifier(tiny_classifier, tiny_classifier.labels, port="model")
    (texts,) = tiny_reviews.columns("test", "text")
    together = logits_of(classifier.net, classifier.encode(texts), size=7)
    alone = torch.cat([logits_of(classifier.net, classifier.encode([text])) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)


def test_texts_are_cut_to_the_longest_that_is_read(tiny_classifier):
    classifier = load_classifier(tiny_classifier, tiny_classifier.labels, port="model", max_length=6)
    assert [len(row) for row in classifier.encode(["great " * 50, "great"]).ids] == [6, 3]
    longer = encode(classifier.tokenizer, ["great " * 50], max_length=9, pad=0)
    assert len(longer.ids[0]) == 9
