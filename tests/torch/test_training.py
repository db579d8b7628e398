"""The epoch that is kept, the state of the network afterwards, and networks without labels."""

import pytest

from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_torch import hf_folder
from slmworks_torch.classification import load_classifier, logits
from slmworks_torch.losses import cross_entropy
from slmworks_torch.scoring import Score, share_error
from slmworks_torch.text_training import TextObjective, train
from slmworks_torch.training_options import TrainingOptions


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
    model = load_classifier(tiny_classifier, labels_of(tiny_classifier), port="model")
    after: list = []

    def check() -> Score:
        after.append(model.net.classifier.weight.detach().clone())
        value = scores[len(after) - 1]
        return Score("accuracy", value, share_error(value, 60))

    rows = model.encode(["a great lamp", "an ugly phone", "the usual kettle"])
    options = TrainingOptions(epochs=4, batch_size=2, learning_rate=1e-3)
    objective = TextObjective(rows, logits, cross_entropy([2, 0, 1]), check)
    trained = train(model.net, objective, options, bench.task("train"))
    assert trained.epoch == kept
    assert trained.score.value == scores[kept - 1]
    assert model.net.classifier.weight.equal(after[kept - 1])
    assert not model.net.training


def test_a_network_without_labels_is_trained_by_its_own_output_and_score(bench, tiny_encoder):
    encoder = hf_folder.load(tiny_encoder, "AutoModel", port="model", max_length=16)
    rows = encoder.encode(["a great lamp", "an ugly phone", "the usual kettle"])
    objective = TextObjective(
        rows,
        forward=lambda net, inputs: net(**inputs).last_hidden_state[:, 0],
        batch_loss=lambda vectors, batch: vectors.square().mean(),
        check=lambda: Score("distance", -0.5, 0.0, {"cosine": 0.9}),
    )
    trained = train(encoder.net, objective, TrainingOptions(epochs=1), bench.task("train"))
    assert trained.summary == {"distance": -0.5, "cosine": 0.9, "epoch": 1, "rows_per_s": trained.rows_per_s}
    (curve,) = [event["metrics"] for event in bench.events if "validation_cosine" in event.get("metrics", {})]
    assert curve == {"validation_distance": -0.5, "validation_cosine": 0.9}


@pytest.mark.parametrize(
    ("scores", "patience", "epochs", "kept"),
    [
        (
            [0.5, 0.9, 0.9, 0.89, 0.95],
            2,
            4,
            4,
        ),  # as good is no better; within a standard error, the last is kept
        ([0.5, 0.9, 0.6, 0.5, 0.95], 2, 4, 2),
        ([0.5, 0.9, 0.6, 0.92, 0.6], 2, 5, 4),  # a better one begins anew; the end comes before patience's
        ([0.5, 0.4, 0.9, 0.9, 0.9], 1, 2, 1),
        ([0.9, 0.5, 0.5, 0.5, 0.5], 0, 5, 1),  # off
    ],
)
def test_patience_ends_a_training_that_gets_no_better(bench, tiny_classifier, scores, patience, epochs, kept):
    model = load_classifier(tiny_classifier, labels_of(tiny_classifier), port="model")
    after: list = []

    def check() -> Score:
        after.append(model.net.classifier.weight.detach().clone())
        value = scores[len(after) - 1]
        return Score("accuracy", value, share_error(value, 60))

    rows = model.encode(["a great lamp", "an ugly phone", "the usual kettle"])
    options = TrainingOptions(epochs=5, batch_size=2, learning_rate=1e-3, patience=patience)
    objective = TextObjective(rows, logits, cross_entropy([2, 0, 1]), check)
    trained = train(model.net, objective, options, bench.task("train"))
    assert (len(after), trained.epoch) == (epochs, kept)
    assert model.net.classifier.weight.equal(after[kept - 1])
    lines = [event["line"] for event in bench.events if event["event"] == "line"]
    curve = [event for event in bench.events if "stopped_epoch" in event.get("metrics", {})]
    if epochs == 5:
        assert (lines, curve, "stopped_epoch" in trained.summary) == ([], [], False)
        return
    since = "the last epoch was" if patience == 1 else "the last 2 epochs were"
    assert lines == [
        f"stopped after epoch {epochs} of 5: {since} no better on validation (patience {patience}); "
        f"epoch {kept} is kept"
    ]
    assert curve == [{"event": "metrics", "step": 2 * epochs, "metrics": {"stopped_epoch": epochs}}]
    assert trained.summary["stopped_epoch"] == epochs
