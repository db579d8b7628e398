"""A student made of some of its teacher's layers (Sanh et al., 2019)."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, first_line, in_a_line
from slmworks_torch.student_options import refuse_beyond

if TYPE_CHECKING:
    from slmworks_torch.hf_folder import TextNetwork

PER_LAYER = ("layer_types", "attention_layers", "attention_window", "mlp_layer_types", "no_rope_layers")
"""Entries of configurations that list one value a layer."""
BY_PLACE = ("num_kv_shared_layers", "scale_attn_by_inverse_layer_idx")
"""Entries by which a layer computes something else under another number."""


def every_other(count: int) -> tuple[int, ...]:
    """Half of `count` layers: 0, 2, 4 and so on."""
    return tuple(range(0, count, 2))


def from_layers(
    teacher: "TextNetwork", layers: Sequence[int] | None, *, max_length: int | None = None
) -> "TextNetwork":
    """A new network with the named layers of the teacher, its embeddings and its head; weights are copies.

    Positions beyond `max_length` (the teacher's where left out), which no text reaches, are left behind.
    BadRequest where the teacher has no such layers, shares one between all depths or has one that another
    cannot stand in for, or where `max_length` is more than it has positions.
    """
    from slmworks.model_tasks import hf_positions as positions
    from slmworks_torch.hf_folder import refuse_length

    net = teacher.net
    chosen = every_other(int(net.config.num_hidden_layers)) if layers is None else tuple(layers)
    config, weights = of_layers(net, chosen)
    length = max_length or teacher.max_length
    refuse_length(net, length, port="teacher")
    if table := positions.table(net):
        config.max_position_embeddings = reached = length + positions.first(net, table)
        weights[table] = weights[table][:reached]
    return replace(teacher, net=built(config, teacher.head, weights, chosen), max_length=length)


def of_layers(net: Any, chosen: Sequence[int]) -> tuple[Any, dict[str, Any]]:
    """Configuration and weights of a network that has these layers only; BadRequest as `from_layers`."""
    from slmworks_torch import networks
    from slmworks_torch.compression import architecture, low_rank

    refuse_beyond(chosen, int(net.config.num_hidden_layers))
    stack = networks.layer_stack(net, "layers", "take a smaller model")
    config = _config(net.config, chosen)
    if architecture.is_factorized(net):
        ranks = config.factorized_ranks
        config.factorized_ranks = _renamed(ranks, low_rank.relative(net, stack), chosen)
    return config, _renamed(net.state_dict(), stack, chosen)


def _config(whole: Any, chosen: Sequence[int]) -> Any:
    """The teacher's configuration with as many layers; lists of one entry a layer are cut too."""
    config = copy.deepcopy(whole)
    for name in BY_PLACE:
        if getattr(whole, name, None):
            raise _refusal(whole, chosen, f"{name}: a layer depends on its place")
    try:
        config.num_hidden_layers = len(chosen)
    except NotImplementedError as error:  # Funnel counts blocks of layers
        raise _refusal(whole, chosen, first_line(error)[:100]) from error
    for name in PER_LAYER:
        entries = getattr(whole, name, None)
        if isinstance(entries, list) and len(entries) > max(chosen):
            setattr(config, name, [entries[layer] for layer in chosen])
    return config


def built(
    config: Any, head: str, weights: dict[str, Any], chosen: Sequence[int], *, shared: bool = False
) -> Any:
    """A network of the configuration with exactly these weights, in evaluation mode.

    `head`: the class of transformers; `chosen`: the layers, for the BadRequest if there is no such network;
    `shared` as `networks.filled`.
    """
    from slmworks_torch import networks

    try:
        student, gaps = networks.filled(config, head, weights, shared=shared)
        type(config).from_dict(config.to_dict())  # as it is read again
    except Exception as error:
        # configurations check their lists, networks their shapes, with errors of their own
        raise _refusal(config, chosen, in_a_line(error, 100)) from error
    if gaps.missing_keys:
        raise _refusal(config, chosen, f"they lack {gaps.missing_keys[0]}")
    if gaps.unexpected_keys:
        raise _refusal(config, chosen, f"there is no place for {gaps.unexpected_keys[0]}")
    return student.eval()


def _refusal(config: Any, chosen: Sequence[int], reason: str) -> BadRequest:
    return BadRequest(
        f"layers: no {config.model_type} network can be made of the layers "
        f"{', '.join(map(str, chosen))} ({reason}); choose others, the first one (0) among them, or "
        "take a smaller model."
    )


def _renamed(entries: Mapping[str, Any], stack: str, chosen: Sequence[int]) -> dict[str, Any]:
    """Weights or ranks outside the stack as they are, those of a chosen layer under its new number."""
    place = {str(old): str(new) for new, old in enumerate(chosen)}
    found: dict[str, Any] = {}
    for name, entry in entries.items():
        if not name.startswith(f"{stack}."):
            found[name] = entry
            continue
        old, rest = name.removeprefix(f"{stack}.").split(".", 1)
        if old in place:
            found[f"{stack}.{place[old]}.{rest}"] = entry
    return found
