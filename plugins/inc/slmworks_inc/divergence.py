"""How far a causal language model moved: its log-probabilities against those of another, both in torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import TaskFailed

BEGINNINGS = (
    "The weather today is",
    "def add(a, b):\n    return",
    '{"name": "Ada", "born": 18',
    "Question: what is the capital of France?\nAnswer:",
)
STEPS = 24
"""Tokens behind each beginning."""


@dataclass(frozen=True)
class Greedy:
    """What a network said."""

    ids: tuple[int, ...]
    """Tokens of a beginning and its continuation."""
    logits: Any
    """float32 [tokens, vocabulary]."""


def greedy(network: Any, tokenizer: Any, most: int) -> list[Greedy]:
    """The network's greedy text behind each beginning, `most` tokens in all (0: no limit)."""
    found = []
    for text in BEGINNINGS:
        ids = list(tokenizer(text)["input_ids"])
        ids = ids[: most - STEPS] if most else ids
        if not ids:
            continue
        for _ in range(STEPS):
            ids.append(int(_logits(network, ids)[-1].argmax()))
        found.append(Greedy(tuple(ids), _logits(network, ids)))
    return found


def of(network: Any, said: Sequence[Greedy]) -> float:
    """Kullback-Leibler divergence (nats) of a network from what another said, the mean over all places.

    TaskFailed unless it is finite.
    """
    import math

    from torch.nn.functional import kl_div, log_softmax

    total = count = 0.0
    for one in said:
        theirs, ours = (log_softmax(logits, -1) for logits in (one.logits, _logits(network, one.ids)))
        total += float(kl_div(ours.double(), theirs.double(), reduction="sum", log_target=True))
        count += len(one.ids)
    if not count or not math.isfinite(total):
        raise TaskFailed("quantize: the packed model computes no finite numbers; take more `bits`.")
    return total / count


def _logits(network: Any, ids: Sequence[int]) -> Any:
    import torch

    with torch.inference_mode():
        return network(input_ids=torch.tensor([list(ids)])).logits[0].float()
