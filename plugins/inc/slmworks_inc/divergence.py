"""How far a causal language model moved: its log-probabilities against those of another, both in torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import TaskFailed
from slmworks.model_tasks.text_generation.divergence import BEGINNINGS, STEPS, mean_divergence, torch_logits


@dataclass(frozen=True)
class Greedy:
    """What a network said."""

    ids: tuple[int, ...]
    """Tokens of a beginning and its continuation."""
    logits: Any
    """float32 [tokens, vocabulary], of numpy."""


def greedy(network: Any, tokenizer: Any, most: int) -> list[Greedy]:
    """The network's greedy text behind each beginning, `most` tokens in all (0: no limit)."""
    found = []
    for text in BEGINNINGS:
        ids = list(tokenizer(text)["input_ids"])
        ids = ids[: most - STEPS] if most else ids
        if not ids:
            continue
        for _ in range(STEPS):
            ids.append(int(torch_logits(network, ids)[-1].argmax()))
        found.append(Greedy(tuple(ids), torch_logits(network, ids)))
    return found


def of(network: Any, said: Sequence[Greedy]) -> float:
    """Kullback-Leibler divergence (nats) of a network from what another said, the mean over all places.

    TaskFailed unless it is finite.
    """
    found = mean_divergence((one.logits, torch_logits(network, one.ids)) for one in said)
    if not math.isfinite(found):
        raise TaskFailed("quantize: the packed model computes no finite numbers; take more `bits`.")
    return found
