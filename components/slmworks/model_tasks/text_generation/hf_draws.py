"""Answers of a transformers network to a batch of prompts, each drawn by settings of its own.

A row's tokens are chosen by inverting its cumulative distribution at numbers of its own generator: one number
a token. So what is drawn depends on the row's seed alone, whatever stands beside it in the batch.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.machine.quiet import quiet

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Draw:
    """A prompt, and how its answer is drawn."""

    ids: Sequence[int]
    """Token ids of the prompt."""
    most: int
    """Tokens of the answer at most."""
    temperature: float = 0.0
    """0: the likeliest token each time; else the logits are divided by it."""
    top_p: float = 1.0
    """The share of probability, likeliest tokens first, that is drawn from, after the temperature."""
    seed: int | str | None = None
    """None: another draw each time."""
    ended: Callable[[Sequence[int]], bool] | None = None
    """True for tokens of an answer that need no further one."""


def drawn(module: Any, asked: Sequence[Draw], *, ends: Sequence[int], pad: int) -> list[list[int]]:
    """Token ids of one batch's answers, with the token that ends each, or cut at its `most`.

    `module`: a transformers network in evaluation mode. Prompts are padded at the left. No generator of torch
    is touched.
    """
    import torch

    longest = max(len(one.ids) for one in asked)
    gaps = [longest - len(one.ids) for one in asked]
    ids = [[pad] * gap + list(one.ids) for gap, one in zip(gaps, asked, strict=True)]
    seen = [[0] * gap + [1] * len(one.ids) for gap, one in zip(gaps, asked, strict=True)]
    stop = _Stop(asked, longest)
    with quiet(), torch.inference_mode(), _only(module, _settings(max(one.most for one in asked), ends, pad)):
        found = module.generate(
            input_ids=torch.tensor(ids, device=module.device),
            attention_mask=torch.tensor(seen, device=module.device),
            logits_processor=[_Choose(asked)] if any(one.temperature for one in asked) else [],
            stopping_criteria=[stop],
        )
    return [stop.cut(row, tokens, ends) for row, tokens in enumerate(found[:, longest:].tolist())]


@contextmanager
def _only(module: Any, settings: Any) -> Iterator[None]:
    """Generation by these settings: what a call leaves open is taken from those of the network's folder."""
    kept, module.generation_config = module.generation_config, settings
    try:
        yield
    finally:
        module.generation_config = kept


def _settings(most: int, ends: Sequence[int], pad: int) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=False,  # a token is chosen by `_Choose`, which leaves one
        num_beams=1,
        max_new_tokens=most,
        eos_token_id=list(ends) or None,
        pad_token_id=pad,
    )


class _Choose:
    """Leaves each row the one token that it draws; in the form of transformers' logits processors."""

    def __init__(self, asked: Sequence[Draw]) -> None:
        self._drawing = [
            (row, one, random.Random(one.seed)) for row, one in enumerate(asked) if one.temperature
        ]

    def __call__(self, _ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        import torch

        if not self._drawing:
            return scores
        rows = [row for row, _, _ in self._drawing]
        heat = scores.new_tensor([[one.temperature] for _, one, _ in self._drawing], dtype=torch.float64)
        shares = (scores[rows].double() / heat).softmax(dim=1)
        for place, (_, one, _) in enumerate(self._drawing):
            if one.top_p < 1:
                shares[place] = _nucleus(shares[place], one.top_p)
        sums = shares.cumsum(dim=1)
        numbers = sums.new_tensor([[chance.random()] for _, _, chance in self._drawing])
        # the first token whose sum is above the number: never one without probability
        tokens = torch.searchsorted(sums, numbers * sums[:, -1:], right=True).clamp(max=sums.shape[1] - 1)
        chosen = torch.full_like(scores[rows], -torch.inf).scatter_(1, tokens, 0.0)
        return scores.index_copy(0, torch.tensor(rows, device=scores.device), chosen)


def _nucleus(shares: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """The likeliest tokens' shares up to a sum of `top_p`, that which reaches it included; others 0."""
    import torch

    ordered, places = shares.sort(descending=True, stable=True)
    kept = ordered.cumsum(dim=0) - ordered < top_p
    return torch.zeros_like(shares).scatter_(0, places[kept], ordered[kept])


class _Stop:
    """Ends each row at its own length or text; in the form of transformers' stopping criteria."""

    def __init__(self, asked: Sequence[Draw], longest: int) -> None:
        self._asked, self._longest = asked, longest
        self._at: dict[int, int] = {}

    def __call__(self, ids: "torch.Tensor", _scores: object, **_more: object) -> "torch.Tensor":
        """Bool [rows]: True for those that are done."""
        import torch

        count = ids.shape[1] - self._longest
        for row, one in enumerate(self._asked):
            if row not in self._at and (
                count >= one.most or (one.ended and one.ended(ids[row, self._longest :].tolist()))
            ):
                self._at[row] = count
        return torch.tensor([row in self._at for row in range(len(self._asked))], device=ids.device)

    def cut(self, row: int, tokens: Sequence[int], ends: Sequence[int]) -> list[int]:
        """A row's tokens without those that fill it up behind its end."""
        own = tokens[: self._at.get(row, len(tokens))]
        end = next((place for place, token in enumerate(own, 1) if token in ends), len(own))
        return list(own[:end])
