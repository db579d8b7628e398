"""Channels of the residual stream, the hidden width: measured, and left out of a whole network at once.

Importance is the mean of |output| of layer norms, summed over them (Minitron; Muralidharan et al., 2024): one
choice for all layers, since what a layer adds to the stream is what all later ones read. Norms compute their
statistics over the channels that stay, so no narrower network answers as the whole one does, however little
the others held.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.compression import units
from slmworks_torch.compression.compressible import Calibration, Compressible

if TYPE_CHECKING:
    import torch

    Shapes = Mapping[str, torch.Size]

DIVIDED = frozenset(("gemma", "gemma2", "gemma3_text", "llama"))
"""Families with a width of heads of their own, whose configuration wants a hidden width that heads divide."""
FREE = frozenset(("mistral", "mobilebert", "phi", "phi3", "qwen2", "qwen3", "smollm3"))
"""Families whose heads have nothing to do with the hidden width (MobileBERT's are as its bottleneck is)."""
MIXTURES = {"mixtral": 8}
"""The same, with experts: what their width has to be a multiple of. torch multiplies all at once where rows
are of 16 bytes (`grouped_mm`), which 8 numbers are from 16 bits on."""
SCALED = frozenset(("gemma", "gemma2", "gemma3_text"))
"""Families that multiply their tokens' vectors by the root of the hidden width."""
AS_WIDE = {"electra": "embedding_size", "opt": "word_embed_proj_dim"}
"""Family -> the entry that holds the hidden width once more, where vectors of tokens are not projected."""


def stay(asked: float, config: Any, heads: int | None = None) -> int:
    """Channels that stay, of a number or a share; BadRequest for what the family can't have.

    `heads`: how many of them stay, where that is asked for too.
    """
    family, whole = str(config.model_type), int(config.hidden_size)
    unit = _unit(config, heads)
    if isinstance(asked, float):
        block = math.lcm(unit, units.block_of(asked, whole))
        found = round(asked * whole / block) * block
        if 0 < found < whole:
            return found
        raise BadRequest(
            f"hidden: {asked:g} of the model's {whole} channels is {found}, rounded to a multiple of "
            f"{block}; give another share, or a number (a multiple of {unit})."
        )
    if asked >= whole:
        raise BadRequest(f"hidden: the model has {whole} channels, and {asked} are to stay; take fewer.")
    if asked % unit:
        why = f"the configuration of a {family} model wants what its {unit} heads divide"
        if family in units.COMPUTED:
            why = f"heads are {unit} wide and stay so"
        elif family in MIXTURES:
            why = f"torch multiplies experts of {unit} numbers side by side"
        raise BadRequest(f"hidden: {asked} channels are to stay, and {why}; take a multiple of {unit}.")
    return int(asked)


def groups_of(config: Any, count: int, asked: int | None) -> int | None:
    """Groups of heads beside `count` channels: those that fill them where a head's width is computed.

    Else what was `asked` for. BadRequest where both say something else.
    """
    if config.model_type not in units.COMPUTED:
        return asked
    size = int(config.hidden_size) // int(config.num_attention_heads)
    if asked not in (None, count // size):
        raise BadRequest(
            f"heads: {count} channels (`hidden`) hold {count // size} heads of {size}, and {asked} are to "
            "stay; leave `heads` out."
        )
    return count // size


def with_channels(config: Any, count: int) -> Any:
    """A copy of a configuration with so many channels; neurons and the width of heads stay as they are."""
    import copy

    neurons = units.width_of(config)
    made = copy.deepcopy(config)
    whole = int(made.hidden_size)
    if neurons is not None:
        made = units.with_neurons(made, neurons)  # GPT-2's are four times the width, if nothing is said
    if made.model_type not in units.COMPUTED and made.model_type != "mobilebert":
        made.head_dim = getattr(made, "head_dim", None) or whole // int(config.num_attention_heads)
    entry = AS_WIDE.get(made.model_type, "hidden_size")
    if getattr(made, entry) == whole:
        setattr(made, entry, count)
    made.hidden_size = count
    return made


def chosen(
    whole: Compressible, wanted: "Shapes", count: int, batches: Sequence[Calibration], task: Task
) -> "torch.Tensor":
    """The `count` channels that norms give most of at the counted places, in their old order, int64.

    `wanted`: shapes of the narrower network's weights; the norms are those that are shorter there.
    """
    import torch
    from slmworks_torch.compression import activations

    net = whole.net
    prefix = "" if net.base_model is net else f"{net.base_model_prefix}."
    norms = [
        name
        for name, part in net.named_modules()
        if "Norm" in type(part).__name__
        and name.startswith(prefix)
        and tuple(part.weight.shape) != tuple(wanted[f"{name}.weight"])
    ]
    measured = activations.means(whole, batches, norms, torch.abs, task, side="outputs")
    return sum(measured.values(), torch.zeros(())).topk(count).indices.sort().values


def narrow(net: Any, wanted: "Shapes", kept: "torch.Tensor") -> None:
    """Leave the kept channels in a network's weights, wherever the narrower network's are as much shorter.

    Heads and neurons are as they stay. BadRequest for a weight that is of another shape then; the network
    computes nothing any more, and is to be rebuilt.
    """
    whole, count = int(net.config.hidden_size), len(kept)
    for name, weight in net.named_parameters():
        shape = tuple(wanted.get(name, ()))
        before = tuple(weight.shape)
        for dim, sizes in enumerate(zip(before, shape, strict=False)):
            if sizes == (whole, count):
                weight.data = weight.data.index_select(dim, kept.to(weight.device))
        if tuple(weight.shape) != shape:
            raise BadRequest(
                f"hidden: {name} of this {net.config.model_type} model is {list(before)}, which its channels "
                "don't explain; take `ffn` or prune/layers."
            )
    if net.config.model_type in SCALED:
        _rescale(net, math.sqrt(whole / count))


def _rescale(net: Any, factor: float) -> None:
    """Make vectors of tokens larger, so that with a smaller scale they are as large as before."""
    table, head = net.get_input_embeddings(), net.get_output_embeddings()
    table.weight.data = table.weight.data * factor
    if head is not None and head.weight is table.weight:
        norm = net.base_model.norm.weight
        norm.data = (1 + norm.data) / factor - 1  # its factor is 1 + weight: logits are what they were


def _unit(config: Any, heads: int | None) -> int:
    """What the number of channels has to be a multiple of; BadRequest for families that can't be cut."""
    family, count = str(config.model_type), int(getattr(config, "num_attention_heads", None) or 1)
    if family in units.COMPUTED:
        return int(config.hidden_size) // count
    if family in DIVIDED:
        return heads or count
    if family in FREE or family in MIXTURES:
        return MIXTURES.get(family, 1)
    known = ", ".join(sorted(units.COMPUTED | DIVIDED | FREE | {*MIXTURES}))
    raise BadRequest(
        f"hidden: what reads and writes the channels of a {family} model isn't known here (it is of "
        f"{known}); take `ffn`, `heads` or prune/layers."
    )
