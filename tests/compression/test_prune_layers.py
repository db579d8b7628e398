"""Layers go by name, or by what they do to what passes through them."""

from pathlib import Path
from typing import Any

import pytest
from pruning import encoder, generator, opened, outputs, pruned, same, view
from pydantic import ValidationError
from toys import exported

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.testing import Bench, sealed
from slmworks_torch.compression.influence import influence
from slmworks_torch.compression.prune_layers import PruneLayers
from slmworks_torch.logit_kd import LogitKD


def trimmed(net: Any, stack: str, layers: tuple[int, ...]) -> Any:
    """The network itself with some of its layers, as a test may do that asks for no cache."""
    parent, _, name = stack.rpartition(".")
    found = net.get_submodule(stack)
    setattr(net.get_submodule(parent), name, torch.nn.ModuleList(found[number] for number in layers))
    net.config.num_hidden_layers = len(layers)
    for place, number in enumerate(layers):
        for module in found[number].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = place
    if kinds := getattr(net.config, "layer_types", None):
        net.config.layer_types = [kinds[number] for number in layers]
    return net


def test_influence_is_the_angle_between_states_before_and_behind(
    llama: Model, conversations: Dataset, bench: Bench
) -> None:
    whole, task = view(llama), bench.task("measure")
    batches = whole.calibration(conversations, "train", 6, task)
    found = influence(whole, "model.layers", batches, task)
    pairs = influence(whole, "model.layers", batches, task, run=2)
    angles: dict[tuple[int, int], list[torch.Tensor]] = {}
    for batch in batches:
        with torch.inference_mode():
            # the last of transformers' own states is behind the final norm, so the last layer isn't compared
            states = whole.net.model(**batch.inputs, output_hidden_states=True).hidden_states
        for first, last in [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]:
            one, other = (states[number][batch.counted].double() for number in (first, last))
            cosines = (one * other).sum(-1) / one.norm(dim=-1) / other.norm(dim=-1)
            angles.setdefault((first, last), []).append(cosines.acos() / torch.pi)
    expected = {pair: float(torch.cat(rows).mean()) for pair, rows in angles.items()}
    assert (len(found), len(pairs)) == (4, 3)
    assert found[:3] == pytest.approx([expected[n, n + 1] for n in range(3)], abs=1e-6)
    assert pairs[:2] == pytest.approx([expected[0, 2], expected[1, 3]], abs=1e-6)
    assert len({round(value, 4) for value in found}) == 4


@pytest.mark.parametrize(
    ("choice", "shares", "kept"),
    [("each", (1.0, 0.01, 0.3, 0.02), "0 2"), ("consecutive", (1.0, 0.01, 0.02, 0.3), "0 3")],
)
def test_layers_of_least_influence_go(
    choice: str, shares: tuple[float, ...], kept: str, conversations: Dataset, bench: Bench, tmp_path: Path
) -> None:
    whole = view(generator(tmp_path / "whole", "llama"))
    for layer, share in zip(whole.net.model.layers, shares, strict=True):
        with torch.no_grad():
            layer.self_attn.o_proj.weight *= share
            layer.mlp.down_proj.weight *= share
    quiet = sealed(whole.made(bench.task("quiet"), {}))
    made = pruned(PruneLayers(drop=2, choice=choice, rows=8), quiet, conversations, bench)
    assert made.summary["layers_kept"] == kept
    numbers = tuple(map(int, kept.split()))
    same(opened(made), trimmed(opened(quiet), "model.layers", numbers))
    assert made.summary["parameters"] == made.meta["parameters"] < made.summary["parameters_before"]
    gone = 1 - made.summary["parameters"] / made.summary["parameters_before"]
    assert made.summary["removed_share"] == pytest.approx(gone, abs=1e-4)
    batches = view(quiet).calibration(conversations, "validation", 8, bench.task("held-out"))
    moved = view(made).distance(view(quiet), batches)
    assert 0 < made.summary["distance"] == pytest.approx(moved, rel=1e-3)


@pytest.mark.parametrize("family", ["llama", "gemma2", "deberta-v2"])
def test_layers_go_in_turn_each_time_the_one_that_is_missed_least(
    family: str, conversations: Dataset, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    writes = family != "deberta-v2"
    data = conversations if writes else tiny_reviews
    made = (
        generator(tmp_path / "whole", family)
        if writes
        else encoder(tmp_path / "whole", family, num_hidden_layers=4)
    )
    cut = pruned(PruneLayers(drop=2, choice="in-turn", rows=6), made, data, bench)
    whole, left, far = view(made), [0, 1, 2, 3], []
    batches = whole.calibration(data, "train", 6, bench.task("measure"))
    for _ in range(2):
        distances = {}
        for layer in left:
            some = tuple(other for other in left if other != layer)
            smaller = pruned(PruneLayers(layers=some), made, None, bench, f"without {layer} of {left}")
            distances[layer] = view(smaller).distance(whole, batches)
        gone = min(distances, key=distances.get)
        left.remove(gone)
        far.append((str(gone), distances[gone]))
    assert cut.summary["layers_kept"] == " ".join(map(str, left))
    assert list(cut.summary["dropped"]) == [layer for layer, _ in far]
    assert list(cut.summary["dropped"].values()) == pytest.approx([one for _, one in far], rel=1e-3, abs=1e-6)
    assert len(set(far)) == 2


@pytest.mark.parametrize("family", ["gemma2", "phi3", "mixtral", "qwen2", "mistral"])
def test_generators_are_opened_by_plain_transformers(
    family: str, conversations: Dataset, bench: Bench, tmp_path: Path
) -> None:
    whole = generator(tmp_path / "whole", family)
    made = pruned(PruneLayers(keep=2, rows=6), whole, conversations, bench)
    layers = tuple(map(int, made.summary["layers_kept"].split()))
    net = opened(made)
    same(net, trimmed(opened(whole), "model.layers", layers))
    assert made.summary["parameters"] == sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize(
    ("family", "stack"),
    [("distilbert", "transformer.layer"), ("mobilebert", "encoder.layer"), ("gpt2", "h")],
)
def test_bare_encoders_are_opened_by_plain_transformers(
    family: str, stack: str, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    whole = encoder(tmp_path / "whole", family)
    made = pruned(PruneLayers(keep=2, rows=16), whole, tiny_reviews, bench)
    layers = tuple(map(int, made.summary["layers_kept"].split()))
    expected = trimmed(opened(whole, "AutoModel"), stack, layers)
    same(opened(made, "AutoModel"), expected)
    assert 0 < made.summary["distance"] < 2


def test_a_classifier_keeps_its_labels(tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    made = pruned(PruneLayers(keep=3), tiny_classifier, tiny_reviews, bench)
    assert made.meta["labels"] == tiny_classifier.meta["labels"]
    head = "AutoModelForSequenceClassification"
    layers = tuple(map(int, made.summary["layers_kept"].split()))
    same(opened(made, head), trimmed(opened(tiny_classifier, head), "bert.encoder.layer", layers))
    rows = [{"text": text} for text in tiny_reviews.columns("validation", "text")[0][:8]]
    labels = {answer["label"] for answer in answer_all(open_runtime(made, threads=1), rows)}
    assert labels <= set(made.meta["labels"])


@pytest.mark.slow
def test_a_pruned_classifier_is_healed_by_its_whole(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    made = pruned(PruneLayers(keep=1), tiny_classifier, tiny_reviews, bench)
    plugin = LogitKD(epochs=3, learning_rate=1e-3, vocabulary="keep")
    healed = plugin.run(
        teacher=tiny_classifier, student=made, data=tiny_reviews, task=bench.task("heal", seed=1)
    )
    task, whole = bench.task("compare"), view(tiny_classifier)
    batches = whole.calibration(tiny_reviews, "validation", 60, task)
    assert view(sealed(healed)).distance(whole, batches) < 0.5 * made.summary["distance"]


def test_an_embedding_model_stays_one(tiny_embedder: Model, tiny_reviews: Dataset, bench: Bench) -> None:
    made = pruned(PruneLayers(drop=1, rows=16), tiny_embedder, tiny_reviews, bench)
    assert {**made.meta, "parameters": 0} == {**tiny_embedder.meta, "parameters": 0}
    assert 0 < made.summary["distance"] < 1
    answers = list(answer_all(open_runtime(made, threads=1), [{"text": "a bad lamp"}]))
    assert len(answers) == 1


def test_a_decoder_goes_through_llama_cpp(llama: Model, bench: Bench) -> None:
    made = pruned(PruneLayers(layers=(0, 3)), llama, None, bench)
    assert "distance" not in made.summary
    file = exported(made, bench)
    assert file.summary["proof_greedy_equal"] == file.summary["proof_greedy_tokens"] > 0
    assert outputs(opened(made)).shape[-1] == 400


def test_the_same_seed_gives_the_same_bytes(llama: Model, conversations: Dataset, bench: Bench) -> None:
    one, other = (pruned(PruneLayers(rows=4), llama, conversations, bench, name) for name in ("one", "other"))
    assert one.digest == other.digest
    assert one.summary["layers"] == 2


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"layers": (0, 9)}, r"layers: the model has the layers 0 to 3, not 9; take fewer\."),
        ({"layers": (0, 1, 2, 3)}, r"layers: the model has 4 layers, and 4 would stay; take from 1 to 3\."),
        ({"keep": 5}, r"keep: the model has 4 layers, and 5 would stay; take from 1 to 3\."),
        ({"drop": 4}, r"drop: the model has 4 layers, and 0 would stay; take from 1 to 3\."),
        ({"keep": 2}, r"keep, drop: which layers matter is measured on data; add `data: <the curate step>`"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], line: str, llama: Model, bench: Bench) -> None:
    plugin = PruneLayers(**options)
    with pytest.raises(BadRequest, match=line):
        pruned(plugin, llama, None, bench)
    assert not list((bench.folder / "prune" / "output").iterdir())
    if "data" not in line:
        with pytest.raises(BadRequest, match=line):
            plugin.check_origin("model", llama)


def test_two_ways_are_refused_when_the_recipe_is_read() -> None:
    with pytest.raises(ValidationError, match="keep and drop say which layers stay in two ways; leave out"):
        PruneLayers(keep=2, drop=1)
    with pytest.raises(ValidationError, match="layers must ascend"):
        PruneLayers(layers=(2, 0))


def test_shared_layers_are_refused(tiny_reviews: Dataset, bench: Bench, tmp_path: Path) -> None:
    whole = encoder(tmp_path / "whole", "albert")
    with pytest.raises(BadRequest, match="layers: this albert model has no list of 3 layers to choose from"):
        pruned(PruneLayers(keep=2), whole, tiny_reviews, bench)
