"""A causal network's log-odds at the places whose successor is learnt, and the loss over them."""

from typing import TYPE_CHECKING, Any

from slmworks.machine import memory

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.layouts import Batch


def logits(net: Any, batch: "Batch") -> "torch.Tensor":
    """Logits [answers, vocabulary] of one batch.

    The head computes these places only: a vocabulary of 49,152 is a fifth of all work of a model of 135
    million weights. What a network does with its logits afterwards (scale, cap) stays its own.
    """
    head = net.get_output_embeddings()
    hook = head.register_forward_pre_hook(
        lambda _head, given: (given[0][batch.lines, batch.places].unsqueeze(0),)
    )
    seen = {} if batch.mask is None else {"attention_mask": batch.mask}
    try:
        found: torch.Tensor = net(
            input_ids=batch.ids, position_ids=batch.positions, use_cache=False, **seen
        ).logits
    finally:
        hook.remove()
    return found[0]


def states(net: Any, batch: "Batch") -> "torch.Tensor":
    """What the head is given for the logits of one batch, [answers, width]."""
    seen: list[torch.Tensor] = []

    def look(_head: Any, given: Any) -> Any:
        seen.append(given[0][batch.lines, batch.places])
        return (given[0][:1, :1],)

    hook = net.get_output_embeddings().register_forward_pre_hook(look)
    try:
        net(input_ids=batch.ids, position_ids=batch.positions, use_cache=False)
    finally:
        hook.remove()
    return seen[0]


def logits_of(
    net: Any, given: "torch.Tensor", weight: "torch.Tensor", bias: "torch.Tensor | None"
) -> "torch.Tensor":
    """Logits [answers, vocabulary] by `states` and weights of a head, which need not be the network's own.

    What the network does with its logits afterwards (scale, cap) it does with these.
    """
    from torch.nn import functional

    import torch

    hook = net.get_output_embeddings().register_forward_hook(
        lambda *_: functional.linear(given, weight, bias).unsqueeze(0)
    )
    try:
        one = torch.zeros((1, 1), dtype=torch.int64, device=given.device)
        found: torch.Tensor = net(input_ids=one, use_cache=False).logits
    finally:
        hook.remove()
    return found[0]


def losses(net: Any, batch: "Batch", reduction: str = "sum") -> "tuple[torch.Tensor, torch.Tensor]":
    """Negative log-likelihood of a batch's targets (nats), and the logits, float32 [answers, vocabulary]."""
    from torch.nn import functional

    found = logits(net, batch).float()
    return functional.cross_entropy(found, batch.targets, reduction=reduction), found


def log_likelihoods(net: Any, batch: "Batch") -> "torch.Tensor":
    """Log-probabilities of a batch's targets, nats, float32 [answers].

    In training it takes the memory of the logits, once; `losses` some four times as much. On a processor the
    activations' memory goes back before the last and largest gradient, the token table's, is made.
    """
    from slmworks_torch.causal.likelihood import LogLikelihood

    hook = net.get_input_embeddings().register_forward_hook(_trim_behind)
    try:
        odds = logits(net, batch).float()
    finally:
        hook.remove()
    found: torch.Tensor = LogLikelihood.apply(odds, batch.targets)
    return found


def _trim_behind(_table: Any, _given: Any, found: "torch.Tensor") -> None:
    """Trim memory when the gradients of all layers behind the token table are there."""
    if found.requires_grad and found.device.type == "cpu":
        found.register_hook(lambda _gradient: memory.trim())
