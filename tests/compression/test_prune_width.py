"""Neurons and groups of heads that are left out could as well give nothing."""

from pathlib import Path
from typing import Any

import pytest
from pruning import encoder, generator, opened, pruned, same, view
from pydantic import ValidationError
from toys import exported

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_onnx.export import ExportOnnx
from slmworks_torch.compression import units
from slmworks_torch.compression.prune_width import PruneWidth

ROWS = 8


def silenced(model: Model, data: Dataset, bench: Bench, head: str, **stay: int) -> Any:
    """The whole network, with zeros where the least active units are taken in."""
    whole, net = view(model), opened(model, head)
    task = bench.task("silence")
    batches = whole.calibration(data, "train", ROWS, task)
    for option, count in stay.items():
        found = units.neurons(whole.net) if option == "ffn" else units.heads(whole.net)
        for name, active in units.activity(whole, found, batches, task).items():
            size = found[name].size
            for unit in active.argsort()[: found[name].count - count].tolist():
                module = net.get_submodule(name)
                with torch.no_grad():
                    weight = module.weight if isinstance(module, torch.nn.Linear) else module.weight.T
                    weight[:, unit * size : (unit + 1) * size] = 0
    return net


@pytest.mark.parametrize("family", ["llama", "gemma2", "phi3", "qwen2", "mistral"])
def test_generators(family: str, conversations: Dataset, bench: Bench, tmp_path: Path) -> None:
    whole = generator(tmp_path / "whole", family)
    made = pruned(PruneWidth(ffn=0.7, heads=2, rows=ROWS), whole, conversations, bench)
    net = opened(made)
    assert (net.config.intermediate_size, net.config.num_attention_heads, net.config.head_dim) == (64, 2, 16)
    assert net.config.num_key_value_heads == 1
    same(net, silenced(whole, conversations, bench, "AutoModelForCausalLM", ffn=64, heads=1))
    said = [made.summary[name] for name in ("ffn", "heads", "key_value_heads", "removed_share")]
    assert said[:3] == [64, 2, 1]
    assert said[3] > 0.2
    assert made.summary["distance"] > 0
    if family == "llama":
        file = exported(made, bench)
        assert file.summary["proof_greedy_equal"] == file.summary["proof_greedy_tokens"] > 0


@pytest.mark.parametrize(
    "family", ["bert", "distilbert", "albert", "mobilebert", "modernbert", "gpt2", "opt"]
)
def test_neurons_of_encoders(family: str, tiny_reviews: Dataset, bench: Bench, tmp_path: Path) -> None:
    whole = encoder(tmp_path / "whole", family)
    made = pruned(PruneWidth(ffn=24, rows=ROWS), whole, tiny_reviews, bench)
    assert made.summary["ffn"] == 24
    same(opened(made, "AutoModel"), silenced(whole, tiny_reviews, bench, "AutoModel", ffn=24))


def test_half_of_the_neurons_of_a_classifier_go_if_nothing_is_said(
    tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench
) -> None:
    made = pruned(PruneWidth(), tiny_classifier, tiny_reviews, bench)
    onnx = sealed(ExportOnnx().run(model=made, task=bench.task("export")))
    assert onnx.summary["difference"] < 1e-4
    assert made.summary["parameters"] == tiny_classifier.meta["parameters"] - 4 * 32 * (2 * 32 + 1)


def test_activity_is_the_mean_at_counted_places(llama: Model, conversations: Dataset, bench: Bench) -> None:
    whole, task = view(llama), bench.task("measure")
    batches = whole.calibration(conversations, "train", 5, task)
    layer = whole.net.model.layers[2]
    seen: dict[str, list[torch.Tensor]] = {"mlp.down_proj": [], "self_attn.o_proj": []}
    given: list[torch.Tensor] = []
    for name, rows in seen.items():
        layer.get_submodule(name).register_forward_hook(
            lambda _module, args, _made, rows=rows: rows.append(args[0].detach())
        )
    for batch in batches:
        whole.net(**batch.inputs)
        given.append(batch.counted)
    means = {
        name: torch.cat([one[places] for one, places in zip(rows, given, strict=True)]).abs().mean(0)
        for name, rows in seen.items()
    }
    neurons = units.activity(whole, units.neurons(whole.net), batches, task)
    groups = units.activity(whole, units.heads(whole.net), batches, task)
    torch.testing.assert_close(neurons["model.layers.2.mlp.down_proj"].float(), means["mlp.down_proj"])
    expected = means["self_attn.o_proj"].view(2, 32).mean(1)
    torch.testing.assert_close(groups["model.layers.2.self_attn.o_proj"].float(), expected)


def test_the_same_seed_gives_the_same_bytes(llama: Model, conversations: Dataset, bench: Bench) -> None:
    plugin = PruneWidth(ffn=32, rows=4)
    one, other = (pruned(plugin, llama, conversations, bench, name) for name in ("one", "other"))
    assert one.digest == other.digest


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"ffn": 96}, r"ffn: the model has 96 neurons a layer, and 96 are to stay; take fewer\."),
        ({"ffn": 0.1}, r"ffn: 0\.1 of the model's 96 neurons a layer is 0, rounded to a multiple of 32"),
        (
            {"heads": 3},
            r"heads: the model has 4 heads a layer in groups of 2 .*, and 3 are to stay; take whole",
        ),
        ({"heads": 0.1}, r"heads: .* and 0\.1 of them are to stay; take whole groups, from 2 to 2 heads\."),
    ],
)
def test_what_cannot_be_is_refused(
    options: dict[str, Any], line: str, llama: Model, conversations: Dataset, bench: Bench
) -> None:
    with pytest.raises(BadRequest, match=line):
        PruneWidth(**options).check_origin("model", llama)
    with pytest.raises(BadRequest, match=line):
        pruned(PruneWidth(**options), llama, conversations, bench)


def test_networks_without_such_parts_are_refused(
    conversations: Dataset, tiny_classifier: Model, tiny_reviews: Dataset, bench: Bench, tmp_path: Path
) -> None:
    mixtral = generator(tmp_path / "mixtral", "mixtral")
    with pytest.raises(
        BadRequest, match=r"ffn: this model \(mixtral\) has no feed-forward part of one width"
    ):
        pruned(PruneWidth(ffn=32), mixtral, conversations, bench, "experts")
    with pytest.raises(
        BadRequest, match="heads: those of a bert model are as wide as its channels divided by"
    ):
        pruned(PruneWidth(heads=1), tiny_classifier, tiny_reviews, bench, "heads")
    odd = generator(tmp_path / "odd", "llama", num_attention_heads=8, num_key_value_heads=4, head_dim=8)
    with pytest.raises(BadRequest, match=r"heads: no llama network can be cut this way \(.*hidden"):
        pruned(PruneWidth(heads=6, rows=4), odd, conversations, bench, "odd")
    for options in ({"ffn": 1.0}, {"ffn": 0}, {"heads": True}):
        with pytest.raises(ValidationError, match="has to be how many stay, 1 or more, or a share between 0"):
            PruneWidth(**options)
