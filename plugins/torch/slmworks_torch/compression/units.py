"""Feed-forward neurons and groups of attention heads: found in a network, measured, left out.

Importance is the mean of |activation| (Minitron; Muralidharan et al., 2024): of what each column of the
layer that takes units in is multiplied with. A unit is left out of every layer alike, since a configuration
has one width; which ones is each layer's own choice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.compression.compressible import Calibration, Compressible

if TYPE_CHECKING:
    import torch

BLOCK, LARGE = 32, 256
"""Weights a block of a quantized GGUF file: of the plain types, and of K-quants."""
LARGE_FROM = 2048
"""From this width on, rounding to K-quants' blocks moves the share by a sixteenth at most."""
Kind = tuple[Mapping[str, tuple[int, ...]], str]
"""Modules that make units (rows a unit, one number a block of rows), and the one that takes them in."""
FEED_FORWARD: tuple[Kind, ...] = (
    ({"gate_proj": (1,), "up_proj": (1,)}, "down_proj"),  # Llama and its kin
    ({"gate_up_proj": (1, 1)}, "down_proj"),  # Phi-3
    ({"Wi": (1, 1)}, "Wo"),  # ModernBERT
    ({"fc1": (1,)}, "fc2"),  # Phi, OPT
    ({"intermediate.dense": (1,)}, "output.dense"),  # BERT and its kin
    ({"lin1": (1,)}, "lin2"),  # DistilBERT
    ({"ffn": (1,)}, "ffn_output"),  # ALBERT
    ({"c_fc": (1,)}, "c_proj"),  # GPT-2
)
ATTENTION: tuple[tuple[Mapping[str, str], str], ...] = (
    ({"q_proj": "q", "k_proj": "k", "v_proj": "v"}, "o_proj"),  # Llama and its kin
    ({"q_proj": "q", "k_proj": "k", "v_proj": "v"}, "dense"),  # Phi
    ({"qkv_proj": "qkv"}, "o_proj"),  # Phi-3
    ({"self.query": "q", "self.key": "k", "self.value": "v"}, "output.dense"),  # BERT and its kin
    ({"query": "q", "key": "k", "value": "v"}, "dense"),  # ALBERT
    ({"q_lin": "q", "k_lin": "k", "v_lin": "v"}, "out_lin"),  # DistilBERT
    ({"Wqkv": "qkv"}, "Wo"),  # ModernBERT
    ({"c_attn": "qkv"}, "c_proj"),  # GPT-2
    ({"q_proj": "q", "k_proj": "k", "v_proj": "v"}, "out_proj"),  # OPT
)
"""Projections of attention with what each one stacks, and the layer that takes heads in."""
COMPUTED = frozenset(
    ("albert", "bert", "camembert", "distilbert", "electra", "gpt2", "modernbert", "opt", "roberta",
     "xlm-roberta")
)  # fmt: skip
"""Families whose width of a head is computed, hidden width / heads: both are cut together, or neither."""
WIDTHS = ("intermediate_size", "ffn_dim", "hidden_dim", "n_inner")
"""Entries of configurations that hold the number of neurons."""


@dataclass(frozen=True)
class Units:
    """What one part of a layer computes side by side: any of it can be left out, for both sides at once."""

    makes: Mapping[str, tuple[int, ...]]
    """Full name of each module that makes units -> rows a unit, one number for each block of rows."""
    count: int
    size: int
    """Columns a unit of the module that takes them in."""


Found = Mapping[str, Units]
"""Full name of the module that takes units in -> the units."""


def neurons(net: Any, *, port: str = "model") -> Found:
    """Feed-forward neurons; BadRequest unless every layer has one part of linear layers, all of one width."""
    width = width_of(net.config)
    found = _found(net, FEED_FORWARD, _columns, 1)
    experts = any(".experts." in name for name, _ in net.named_parameters())
    if experts or len(found) != _parts(net.config) or {units.count for units in found.values()} != {width}:
        raise BadRequest(
            f"ffn: this {port} ({net.config.model_type}) has no feed-forward part of one width in every "
            "layer (a mixture of experts has several in each); leave the option out, and take fewer layers."
        )
    return found


def heads(net: Any) -> Found:
    """Attention heads in groups that share keys and values; BadRequest where they can't be told apart."""
    config = net.config
    count, groups = heads_of(config)
    size = int(getattr(config, "head_dim", None) or config.hidden_size // count)
    rows = {"q": size * (count // groups), "k": size, "v": size}
    kinds = [
        ({name: tuple(rows[one] for one in stacked) for name, stacked in makes.items()}, takes)
        for makes, takes in ATTENTION
    ]
    found = _found(net, kinds, lambda _module: groups, rows["q"])
    if len(found) == _stacked(config):
        return found
    raise BadRequest(
        f"heads: this model ({config.model_type}) has no heads that can be left out (that takes separate or "
        "stacked projections q, k and v of every layer); take `ffn`, or prune/layers."
    )


def width_of(config: Any) -> int | None:
    """Feed-forward neurons of a layer, by a configuration."""
    name = _entry(config)
    return None if name is None else getattr(config, name) or 4 * int(config.hidden_size)


def heads_of(config: Any) -> tuple[int, int]:
    """Attention heads of a layer, and the groups of them that share keys and values."""
    count = int(getattr(config, "num_attention_heads", None) or 1)
    return count, int(getattr(config, "num_key_value_heads", None) or count)


def share_of_neurons(share: float, whole: int, *, port: str = "model") -> int:
    """A share of `whole` neurons, in blocks of quantized files; BadRequest for none or all."""
    block = block_of(share, whole)
    found = round(share * whole / block) * block
    if not 0 < found < whole:
        raise BadRequest(
            f"ffn: {share:g} of the {port}'s {whole} neurons a layer is {found}, rounded to a multiple of "
            f"{block}; take another share, or leave the option out."
        )
    return found


def block_of(share: float, whole: int) -> int:
    """Weights a block of the quantized files that a share of `whole` goes to."""
    return LARGE if share * whole >= LARGE_FROM and not whole % LARGE else BLOCK


def chosen(
    whole: Compressible, found: Found, count: int, batches: Sequence[Calibration], task: Task
) -> "dict[str, torch.Tensor]":
    """The `count` units of each part that are most active at the counted places, in their old order."""
    return {
        name: means.topk(count).indices.sort().values
        for name, means in activity(whole, found, batches, task).items()
    }


def activity(
    whole: Compressible, found: Found, batches: Sequence[Calibration], task: Task
) -> "dict[str, torch.Tensor]":
    """Name of the module that takes units in -> mean |activation| of each unit, float64 [count]."""
    import torch
    from slmworks_torch.compression import activations

    measured = activations.means(whole, batches, found, torch.abs, task)
    return {name: means.view(found[name].count, -1).mean(1) for name, means in measured.items()}


def narrow(net: Any, found: Found, kept: "Mapping[str, torch.Tensor]") -> None:
    """Leave the kept units in a network's weights; it computes nothing any more, and is to be rebuilt."""
    for name, units in found.items():
        for key, index, dim in _cuts(net, name, units, kept[name]):
            weight = net.get_parameter(key)
            weight.data = weight.data.index_select(dim, index.to(weight.device))


def with_neurons(config: Any, count: int) -> Any:
    """A copy of a configuration with so many feed-forward neurons a layer."""
    import copy

    made = copy.deepcopy(config)
    setattr(made, _entry(config) or WIDTHS[0], count)
    return made


def with_heads(config: Any, found: Found, groups: int) -> Any:
    """A copy of a configuration with so many groups of heads, each as wide as before.

    Where a family computes that width, the caller sets the hidden width to what it has to be.
    """
    import copy

    made = copy.deepcopy(config)
    count, whole = heads_of(config)
    size = next(iter(found.values())).size * whole // count
    if made.model_type not in COMPUTED:
        made.head_dim = size
    made.num_attention_heads = groups * (count // whole)
    if getattr(made, "num_key_value_heads", None):
        made.num_key_value_heads = groups
    return made


def _cuts(
    net: Any, name: str, units: Units, kept: "torch.Tensor"
) -> "Iterator[tuple[str, torch.Tensor, int]]":
    """Names of weights, and what stays of them along which dimension."""
    import torch

    for maker, sizes in units.makes.items():
        start, rows = 0, []
        for size in sizes:
            rows.append(_spread(kept, size) + start)
            start += units.count * size
        module = net.get_submodule(maker)
        yield f"{maker}.weight", torch.cat(rows), int(_flipped(module))
        if module.bias is not None:
            yield f"{maker}.bias", torch.cat(rows), 0
    yield f"{name}.weight", _spread(kept, units.size), int(not _flipped(net.get_submodule(name)))


def _spread(kept: "torch.Tensor", size: int) -> "torch.Tensor":
    """Places of the kept units where each takes `size` of them."""
    import torch

    return (kept[:, None] * size + torch.arange(size)).flatten()


def _found(net: Any, kinds: Sequence[Kind], count: Callable[[Any], int], size: int) -> Found:
    """Parts of one of the kinds whose modules are as large as their `count` of units makes them."""
    found: dict[str, Units] = {}
    for name, parent in net.named_modules():
        for makes, takes in kinds:
            children = {child: _child(parent, child) for child in (*makes, takes)}
            if not all(map(_linear, children.values())):
                continue
            units = count(children[takes])
            fits = all(_rows(children[child]) == units * sum(sizes) for child, sizes in makes.items())
            if fits and _columns(children[takes]) == units * size:
                full = {f"{name}.{child}": sizes for child, sizes in makes.items()}
                found[f"{name}.{takes}"] = Units(full, units, size)
    return found


def _child(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


def _linear(module: Any) -> bool:
    from torch.nn import Linear

    return isinstance(module, Linear) or _flipped(module)


def _flipped(module: Any) -> bool:
    """Whether its weight is [inputs, outputs], as GPT-2 has them."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, Conv1D)


def _rows(module: Any) -> int:
    return int(module.weight.shape[int(_flipped(module))])


def _columns(module: Any) -> int:
    return int(module.weight.shape[int(not _flipped(module))])


def _entry(config: Any) -> str | None:
    return next((name for name in WIDTHS if hasattr(config, name)), None)


def _parts(config: Any) -> int:
    """Feed-forward parts of a network: each of MobileBERT's layers has several."""
    return _stacked(config) * int(getattr(config, "num_feedforward_networks", None) or 1)


def _stacked(config: Any) -> int:
    """Layers that have weights of their own: ALBERT's share them."""
    if shared := getattr(config, "num_hidden_groups", None):
        return int(shared) * int(config.inner_group_num)
    return int(config.num_hidden_layers)
