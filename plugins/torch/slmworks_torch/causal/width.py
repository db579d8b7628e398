"""Students with narrower feed-forward parts: the neurons that are most active on the training data's answers.

Importance is the mean of |activation| of the gated product, as in Minitron (Muralidharan et al., 2024): what
each column of the down projection is multiplied with.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.causal import examples, forward, layouts, sizes
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.options import LONGEST

if TYPE_CHECKING:
    import torch

ROWS = 128
"""Rows of training data that neurons are measured on, drawn by the task's seed."""
AT_ONCE = 1024
"""Tokens that are computed together."""
BLOCK, LARGE = 32, 256
"""Weights a block of a quantized GGUF file: of the plain types, and of K-quants."""
LARGE_FROM = 2048
"""From this width on, rounding to K-quants' blocks moves the share by a sixteenth at most."""


def rounded(net: Any, share: float, *, port: str) -> int:
    """Neurons that stay of each layer; BadRequest for a network of another kind, and for none or all."""
    _parts(net, port=port)
    whole = int(net.config.intermediate_size)
    block = LARGE if share * whole >= LARGE_FROM and not whole % LARGE else BLOCK
    found = round(share * whole / block) * block
    if not 0 < found < whole:
        raise BadRequest(
            f"ffn: {share:g} of the {port}'s {whole} neurons a layer is {found}, rounded to a multiple of "
            f"{block}; take another share, or leave the option out."
        )
    return found


def narrowed(model: ChatModel, neurons: int, data: Dataset, task: Task) -> ChatModel:
    """The model with the `neurons` most active ones of each layer, in their old order."""
    rows = examples.read(data, "train")
    few = random.Random(f"{task.seed}/ffn").sample(rows, min(ROWS, len(rows)))
    most = min(model.context or LONGEST, LONGEST)
    measured = activity(model.net, examples.encode(model, few, split="train", max_length=most), task)
    kept = {name: means.topk(neurons).indices.sort().values for name, means in measured.items()}
    net = of_neurons(model.net, kept)
    return replace(model, net=net, shape={**model.shape, "ffn": neurons})


def activity(net: Any, rows: examples.Examples, task: Task) -> "Mapping[str, torch.Tensor]":
    """Name of each feed-forward part -> mean |activation| of its neurons at answer positions, float64."""
    import torch
    from slmworks_torch import training

    device = training.device()
    net.to(device)
    parts = _parts(net, port="student")
    sums = {
        name: torch.zeros(part.down_proj.in_features, dtype=torch.float64) for name, part in parts.items()
    }
    groups = layouts.padded(rows, range(len(rows)), AT_ONCE)
    places = 0
    for done, group in enumerate(groups):
        batch = layouts.padded_batch(rows, group, device)
        with torch.inference_mode(), ExitStack() as hooks:
            for name, part in parts.items():
                hooks.callback(part.down_proj.register_forward_pre_hook(_adding(sums[name], batch)).remove)
            forward.logits(net, batch)
        places += len(batch.targets)
        task.progress(done + 1, len(groups), unit="batches", note="neurons")
    return {name: total / places for name, total in sums.items()}


def _adding(total: "torch.Tensor", batch: layouts.Batch) -> Any:
    """A hook that adds up |inputs| of a layer at a batch's answer positions."""

    def add(_layer: Any, given: Any) -> None:
        total.add_(given[0][batch.lines, batch.places].abs().double().sum(0).cpu())

    return add


def of_neurons(net: Any, kept: "Mapping[str, torch.Tensor]") -> Any:
    """A network with the named neurons of each feed-forward part only; the same number of each."""
    import copy

    config = copy.deepcopy(net.config)
    config.intermediate_size = len(next(iter(kept.values())))
    weights = dict(net.state_dict())
    for name, part in _parts(net, port="student").items():
        for entry, index, dim in _cuts(part, kept[name], int(net.config.intermediate_size)):
            key = f"{name}.{entry}"
            weights[key] = weights[key].index_select(dim, index.to(weights[key].device))
    return sizes.rebuilt(config, weights, "ffn")


def _cuts(part: Any, kept: "torch.Tensor", whole: int) -> "Iterator[tuple[str, torch.Tensor, int]]":
    """Names of a part's weights, and what stays of them along which dimension."""
    import torch

    for name, _ in part.named_parameters():
        if name == "down_proj.weight":
            yield name, kept, 1
        elif name.startswith("gate_up_proj."):  # the gate's rows, then the other factor's
            yield name, torch.cat([kept, kept + whole]), 0
        elif name.startswith(("gate_proj.", "up_proj.")):
            yield name, kept, 0


def _parts(net: Any, *, port: str) -> Mapping[str, Any]:
    """Name -> each gated feed-forward part; BadRequest unless every layer has one, all of one width."""
    from torch.nn import Linear

    def linear(part: Any, names: Sequence[str]) -> bool:
        return all(isinstance(getattr(part, name, None), Linear) for name in names)

    kinds = (("gate_proj", "up_proj", "down_proj"), ("gate_up_proj", "down_proj"))
    found = {name: part for name, part in net.named_modules() if any(linear(part, kind) for kind in kinds)}
    config = net.config
    whole = getattr(config, "intermediate_size", None)
    widths = {part.down_proj.in_features for part in found.values()}
    if len(found) != config.num_hidden_layers or widths != {whole}:
        raise BadRequest(
            f"ffn: this {port} ({config.model_type}) has no gated feed-forward part of one width in every "
            "layer (a mixture of experts has several in each); leave the option out, and take fewer layers."
        )
    return found
