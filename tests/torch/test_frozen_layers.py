"""Layers that stay as they are: computed once a text, the same training as if computed in every step."""

import pytest
from pydantic import ValidationError

import families
from slmworks.contract.errors import BadRequest
from slmworks_torch import frozen_layers, hf_folder, text_training, training
from slmworks_torch.classification import HEAD, load_classifier, logits
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.logit_kd import LogitKD
from slmworks_torch.losses import cross_entropy
from slmworks_torch.networks import layer_stack
from slmworks_torch.scoring import Score
from slmworks_torch.training_options import FreezingOptions

TEXTS = ["a great lamp", "an ugly phone", "the usual kettle", "a lamp", "great", "an ugly usual great phone"]
LABELS = ["bad", "fair", "good"]
CLASSES = [2, 0, 1, 1, 2, 0]


def trained(model, bench, name: str, **options):
    """The network before and after, as two dictionaries of weights."""
    training.prepare(bench.task(f"{name}-seed"))
    made = load_classifier(model, LABELS, port="model", max_length=16)
    before = {key: weight.clone() for key, weight in made.net.state_dict().items()}
    objective = text_training.TextObjective(
        made.encode(TEXTS), logits, cross_entropy(CLASSES), lambda: Score("accuracy", 0.5, 0.1)
    )
    given = FreezingOptions(**{"epochs": 2, "batch_size": 2, "learning_rate": 1e-4, "dropout": 0.0} | options)
    text_training.train(made.net, objective, given, bench.task(name))
    return made.net, before, made.net.state_dict()


@pytest.mark.parametrize(
    "family",
    [
        "bert", "distilbert", "roberta", "deberta", "deberta-v3", "electra", "mpnet", "modernbert",
        "bigbird", "llama", "mistral", "qwen2", "gpt2", "opt",
    ],
)  # fmt: skip
def test_kept_states_train_as_computed_ones_do(bench, tmp_path, monkeypatch, family):
    model = families.write(family, tmp_path / "model")
    net, before, kept = trained(model, bench, "kept", freeze_layers=2)
    monkeypatch.setattr(frozen_layers, "MOST", 0)
    other, _, _ = trained(model, bench, "computed", freeze_layers=2)
    # not the weights: AdamW makes whole steps of gradients that are nothing but rounding (biases of keys)
    given = (
        load_classifier(model, LABELS, port="model", max_length=16).encode(TEXTS).batch([0, 5], net.device)
    )
    difference = (logits(net, given) - logits(other, given)).abs().max()
    assert float(difference) < 1e-3
    stack = layer_stack(net, "freeze_layers", "")
    for key, weight in kept.items():
        if key.startswith((f"{stack}.0.", f"{stack}.1.")):
            assert weight.equal(before[key]), key
    moved = [key for key in kept if key.startswith(f"{stack}.2.") and not kept[key].equal(before[key])]
    assert moved


def test_below_nothing_is_dropped_and_nothing_is_learnt(bench, tiny_classifier):
    options = {"freeze_layers": 1, "dropout": 0.3}
    net, before, after = trained(tiny_classifier, bench, "bottom", **options)
    assert {key for key in after if not after[key].equal(before[key])} == {
        key for key in after if ".layer.0." not in key and ".embeddings." not in key and "num_" not in key
    }
    dropouts = {name: module.p for name, module in net.named_modules() if name.endswith("dropout")}
    assert {share for name, share in dropouts.items() if ".layer.0." in name or "embeddings" in name} == {0.0}
    assert dropouts["bert.encoder.layer.1.output.dropout"] == 0.3


def test_the_states_are_on_disk_and_layers_as_before_afterwards(bench, tiny_classifier):
    made = hf_folder.load(tiny_classifier, HEAD, port="model", max_length=16)
    rows = made.encode(TEXTS)
    layers = frozen_layers.freeze(made.net, 3, rows, logits)
    file = bench.task("states").scratch / "states.npy"
    frozen = frozen_layers.compute(made.net, layers, rows, logits, file)
    wanted = logits(made.net, rows.batch([1, 4, 5], made.net.device))
    with frozen.recalled():
        frozen.take([1, 4, 5], made.net.device)
        recalled = logits(made.net, rows.batch([1, 4, 5], made.net.device))
    assert recalled.allclose(wanted, atol=1e-6)
    assert file.stat().st_size == 128 + 4 * 32 * sum(map(len, rows.ids))
    assert all("forward" not in vars(layer) for layer in layers)
    assert logits(made.net, rows.batch([1, 4, 5], made.net.device)).equal(wanted)


def test_a_recipe_that_trains_no_layer_is_refused_when_it_is_read(tiny_encoder):
    with pytest.raises(ValidationError, match="freeze_layers: 2 of the 2 layers leave none to train"):
        LogitKD(layers=[0, 1], freeze_layers=2)
    with pytest.raises(BadRequest, match="freeze_layers: 4 of 4 layers leave none to train"):
        FinetuneClassifier(freeze_layers=4).check_origin("model", tiny_encoder)
    FinetuneClassifier(freeze_layers=3).check_origin("model", tiny_encoder)


def test_a_given_student_without_a_layer_to_train_is_refused_before_the_teacher_runs(
    bench, tiny_classifier, tiny_reviews
):
    step = LogitKD(freeze_layers=4, vocabulary="keep")
    with pytest.raises(BadRequest, match="freeze_layers: 4 of 4 layers leave none to train"):
        step.run(
            teacher=tiny_classifier, student=tiny_classifier, data=tiny_reviews, task=bench.task("student")
        )
    assert not [event for event in bench.events if event.get("note") == "asking the teacher"]


def test_one_layer_has_to_stay(bench, tiny_classifier):
    with pytest.raises(
        BadRequest, match="freeze_layers: 4 of 4 layers leave none to train; freeze at most 3"
    ):
        trained(tiny_classifier, bench, "all", freeze_layers=4)


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("albert", "this albert model has no list of 3 layers to choose from; leave the option out"),
        ("squeezebert", "the layers of this squeezebert model hand on more than their states"),
        ("roformer", "the layers of this roformer model hand on more than their states"),
    ],
)
def test_other_layers_are_refused(bench, tmp_path, family, reason):
    with pytest.raises(BadRequest, match=f"freeze_layers: {reason}"):
        trained(families.write(family, tmp_path / "model"), bench, "refused", freeze_layers=1)
