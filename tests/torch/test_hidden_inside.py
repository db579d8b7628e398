"""States, queries, keys and values are found within networks of many families, or refused in a line."""

from pathlib import Path
from typing import Any

import pytest
from cut_students import loaded, teacher

import families
import torch
from slmworks.contract.errors import BadRequest
from slmworks_torch import hf_folder
from slmworks_torch.hidden.inside import BELOW, Caught, Inside
from slmworks_torch.hidden.match import Match, evenly
from slmworks_torch.hidden.options import HiddenOptions

IDS = torch.tensor([[1, 40, 30, 7, 12, 9], [3, 33, 5, 21, 8, 2]])


def opened(family: str, folder: Path, **changes: Any) -> Any:
    """Of an encoder's family a bare network that says its attention, of a generator's one with its head."""
    if family in families.FAMILIES:
        model = families.write(family, folder, **changes)
        return hf_folder.load(model, "AutoModel", port="teacher").net
    return loaded(teacher(folder, family, num_hidden_layers=3, **changes)).net


def looked_into(inside: Inside, layer: int) -> tuple[Caught, dict[str, torch.Tensor], Any]:
    parts = inside.projections(layer)
    inside.net.set_attn_implementation("eager")
    with torch.no_grad(), inside.caught([BELOW, 0, 1, 2], parts) as found:
        said = inside.net(input_ids=IDS, output_hidden_states=True, output_attentions=True)
    return found, parts.of(found), said


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "gpt2"])
def test_products_of_queries_and_keys_are_the_attention(family, tmp_path):
    inside = Inside.of(opened(family, tmp_path / "model"), port="teacher")
    found, parts, said = looked_into(inside, 1)
    query, key = (parts[kind].unflatten(-1, (inside.heads, -1)).transpose(1, 2) for kind in ("query", "key"))
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if family == "gpt2":
        scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
    torch.testing.assert_close(scores.softmax(dim=-1), said.attentions[1])
    for layer in (BELOW, 0, 1):
        torch.testing.assert_close(found.states[layer], said.hidden_states[layer + 1])


@pytest.mark.parametrize("family", ["llama", "phi3", "gemma2", "modernbert", "deberta-v3", "mpnet"])
def test_values_weighed_by_attention_are_what_a_layer_reads(family, tmp_path):
    if family not in families.FAMILIES:
        net = opened(family, tmp_path / "model", initializer_range=0.1)
    else:
        net = opened(family, tmp_path / "model")
    inside = Inside.of(net, port="teacher")
    behind = Caught()
    outs = [
        module
        for name, module in inside.layers[1].named_modules()
        if name.endswith(("o_proj", "Wo", "attn.o", "attention.output.dense")) and "mlp" not in name
    ]
    hook = outs[0].register_forward_pre_hook(lambda _module, given: behind.states.update({0: given[0]}))
    _, parts, said = looked_into(inside, 1)
    hook.remove()
    value = parts["value"].unflatten(-1, (inside.heads, -1)).transpose(1, 2)
    read = (said.attentions[1] @ value).transpose(1, 2).flatten(-2)
    torch.testing.assert_close(read, behind.states[0], rtol=1e-4, atol=1e-5)
    assert parts["query"].shape == parts["key"].shape == parts["value"].shape


@pytest.mark.parametrize("family", ["bert", "llama", "phi3", "gemma2"])
def test_a_network_beside_itself_has_no_distance_and_only_the_student_a_gradient(family, tmp_path):
    nets = [opened(family, tmp_path / name) for name in ("teacher", "student")]
    match = Match.of(*nets, HiddenOptions(method="both"), probe)
    seen = torch.ones(2, 6, 6, dtype=torch.bool).tril()

    def distance() -> torch.Tensor:
        with match.caught() as (theirs, ours):
            for net in nets:
                net(input_ids=IDS)
        return match.distance(theirs, ours, seen)

    assert distance().abs().max() < 1e-5
    with torch.no_grad():
        for weight in nets[1].parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) * 0.05)
    found = distance()
    assert found.min() > 0
    found.sum().backward()
    assert all(weight.grad is None for weight in nets[0].parameters())
    reached = [name for name, weight in nets[1].named_parameters() if weight.grad is not None]
    assert any("embed" in name for name in reached)
    assert not match.projections


def probe(net: Any) -> torch.Tensor:
    net(input_ids=IDS)
    return IDS


def test_layers_are_spread_evenly_the_last_for_the_last():
    assert evenly(12, 4) == (2, 5, 8, 11)
    assert evenly(5, 2) == (1, 4)
    assert evenly(2, 4) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("family", "said"),
    [
        (
            "squeezebert",
            "method: a layer of this squeezebert teacher has no linear projections to queries, keys",
        ),
        ("longformer", "layers of longformer networks hold no vector for each token of a text, in order"),
        ("albert", "teacher: this albert model has no list of 3 layers to choose from; use distill/logit-kd"),
    ],
)
def test_families_without_are_refused(family, said, tmp_path):
    nets = [opened(family, tmp_path / name) for name in ("teacher", "student")]
    with pytest.raises(BadRequest, match=said):
        Match.of(*nets, HiddenOptions(), probe)
