"""Which epoch is kept, and what the network is left as."""

import pytest

from slmworks_torch.hf_folder import load_classifier
from slmworks_torch.losses import cross_entropy
from slmworks_torch.scoring import Quality
from slmworks_torch.training import Lesson, train
from slmworks_torch.training_options import Course


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.5, 0.9, 0.6, 0.7], 2),  # clearly worse: on 60 rows a standard error of 0.9 is 3.9 points
        ([0.5, 0.9, 0.89, 0.6], 3),  # a little worse may be chance, and the learning rate is lower
        ([0.6, 0.7, 0.8, 0.9], 4),
        ([0.0, 0.0, 0.0, 0.0], 4),
    ],
)
def test_the_last_epoch_that_is_not_clearly_worse_is_kept(bench, tiny_classifier, scores, kept):
    model = load_classifier(tiny_classifier, tiny_classifier.labels, port="model")
    after: list = []

    def check() -> Quality:
        after.append(model.net.classifier.weight.detach().clone())
        return Quality(scores[len(after) - 1], 0.5, 60)

    rows = model.encode(["a great lamp", "an ugly phone", "the usual kettle"])
    course = Course(epochs=4, batch_size=2, learning_rate=1e-3)
    outcome = train(model.net, Lesson(rows, cross_entropy([2, 0, 1]), check), course, bench.task("train"))
    assert outcome.epoch == kept
    assert outcome.quality.accuracy == scores[kept - 1]
    assert model.net.classifier.weight.equal(after[kept - 1])
    assert not model.net.training
