"""Single weights become zero, and the summary says what that is worth on disk."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pruning import encoder, generator, opened, pruned, same, view
from pydantic import ValidationError

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench
from slmworks_torch.compression.unstructured import PruneMagnitude, Unstructured, Wanda

HEAD = "AutoModelForSequenceClassification"


def linear(net: Any) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in net.named_parameters() if ".layer." in name and weight.ndim == 2}


def test_the_smallest_weights_of_each_layer_go(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    made = pruned(PruneMagnitude(share=0.25), tiny_classifier, tiny_reviews, bench)
    before, after = opened(tiny_classifier, HEAD), opened(made, HEAD)
    for name, weight in linear(before).items():
        limit = weight.abs().flatten().sort().values[weight.numel() // 4]
        assert linear(after)[name].equal(weight * (weight.abs() >= limit))
    others = set(dict(before.named_parameters())) - set(linear(before))
    assert all(after.get_parameter(name).equal(before.get_parameter(name)) for name in others)
    said = made.summary
    zeros = sum(int((weight == 0).sum()) for weight in linear(after).values())
    every = sum(weight.numel() for weight in linear(after).values())
    assert (said["linear_zero_share"], said["linear_share"]) == (
        pytest.approx(zeros / every, abs=1e-4),
        pytest.approx(every / said["parameters"], abs=1e-4),
    )
    assert zeros == every // 4
    assert said["distance"] > 0
    file = made.path / "model.safetensors"
    assert said["bytes"] == file.stat().st_size == pytest.approx(said["bytes_before"], rel=0.01)
    assert said["bytes_zstd"] < 0.95 * said["bytes_zstd_before"]
    assert said["bytes_zstd"] == len(pa.compress(file.read_bytes(), codec="zstd", asbytes=True))


def test_wanda_goes_by_weight_times_norm_within_an_output(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    made = pruned(Wanda(share=0.5, rows=16), tiny_classifier, tiny_reviews, bench)
    whole = view(tiny_classifier)
    layer = whole.net.bert.encoder.layer[1].output.dense
    seen: list[torch.Tensor] = []
    layer.register_forward_pre_hook(lambda _layer, args: seen.append(args[0].detach()))
    batches = whole.calibration(tiny_reviews, "train", 16, bench.task("measure"))
    for batch in batches:
        whole.net(**batch.inputs)
    rows = torch.cat([one[batch.counted] for one, batch in zip(seen, batches, strict=True)])
    scores = layer.weight.abs() * rows.norm(dim=0)
    stay = scores > scores.kthvalue(scores.shape[1] // 2, dim=1, keepdim=True).values
    found = opened(made, HEAD).bert.encoder.layer[1].output.dense.weight
    assert found.equal(layer.weight * stay)
    assert not found.eq(0).equal(
        opened(pruned(PruneMagnitude(), tiny_classifier, None, bench, "magnitude"), HEAD)
        .bert.encoder.layer[1]
        .output.dense.weight.eq(0)
    )


@pytest.mark.parametrize("plugin", [PruneMagnitude, Wanda])
def test_of_each_four_neighbours_two_stay(
    plugin: type[Unstructured], conversations: Dataset, bench: Bench, tmp_path: Path
) -> None:
    whole = generator(tmp_path / "whole", "phi3")
    made = pruned(plugin(pattern="2:4", rows=4), whole, conversations, bench)
    net = opened(made)
    weights = [module.weight for module in net.model.layers.modules() if isinstance(module, torch.nn.Linear)]
    assert len(weights) == 16
    for weight in weights:
        assert weight.view(-1, 4).eq(0).sum(-1).eq(2).all()
    assert made.summary["linear_zero_share"] == 0.5
    for name in ("model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"):
        assert net.get_parameter(name).equal(opened(whole).get_parameter(name))
    same(net, view(made).net)


def test_experts_are_passed_over_and_counted(conversations: Dataset, bench: Bench, tmp_path: Path) -> None:
    whole = generator(tmp_path / "whole", "mixtral")
    made = pruned(Wanda(rows=4), whole, conversations, bench)
    net = opened(made)
    held = sum(weight.numel() for weight in net.parameters() if weight.ndim == 3)
    assert made.summary["skipped_parameters"] == held > 0.5 * made.summary["parameters"]
    assert any("in tensors of three dimensions" in event.get("line", "") for event in bench.events)


def test_gpt2_keeps_its_weights_the_other_way_round(
    tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    whole = encoder(tmp_path / "whole", "gpt2")
    made = pruned(Wanda(share=0.25, rows=8), whole, tiny_reviews, bench)
    weight = opened(made, "AutoModel").h[1].mlp.c_proj.weight
    assert weight.shape == (128, 32)
    assert weight.eq(0).sum(0).eq(32).all()


@pytest.mark.parametrize("family", ["albert", "mobilebert"])
def test_layers_that_are_shared_or_nested(
    family: str, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    made = pruned(Wanda(rows=8), encoder(tmp_path / "whole", family), tiny_reviews, bench)
    assert made.summary["linear_zero_share"] == 0.5
    assert made.summary["distance"] > 0


def test_the_same_seed_gives_the_same_bytes(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    one, other = (pruned(Wanda(rows=4), tiny_classifier, tiny_reviews, bench, n) for n in ("one", "other"))
    assert one.digest == other.digest


def test_what_cannot_be_is_refused(tiny_classifier: Model, bench: Bench) -> None:
    with pytest.raises(
        BadRequest, match=r"pattern: .* has 32 inputs, which are no multiple of 5; take anoth"
    ):
        pruned(PruneMagnitude(pattern="2:5"), tiny_classifier, None, bench)
    with pytest.raises(BadRequest, match="which inputs are large is measured on data; add `data:"):
        pruned(Wanda(), tiny_classifier, None, bench, "no-data")
    for options, line in (
        ({"pattern": "4:2"}, "fewer have to stay than there are"),
        ({"pattern": "2:4", "share": 0.5}, "share and pattern say the same thing in two ways"),
        ({"pattern": "half"}, "should match pattern"),
    ):
        with pytest.raises(ValidationError, match=line):
            PruneMagnitude(**options)
