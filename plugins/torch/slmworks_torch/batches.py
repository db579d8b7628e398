"""Token ids in batches of similar length, so that little time is spent on padding."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmworks.contract.truncation import NONE, Truncation
from slmworks.model_tasks import truncation

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    import torch

POOL = 32
"""Batches that are sorted by length together: enough to make padding rare, few enough to stay random."""


@dataclass(frozen=True)
class Encoded:
    """Texts as token ids, one list a text, and the id that fills a batch up."""

    ids: list[list[int]]
    pad: int
    truncation: Truncation = NONE
    """What was cut off."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text."""
        return list(map(len, self.ids))

    def batch(self, rows: Sequence[int], device: "torch.device") -> "dict[str, torch.Tensor]":
        """`input_ids` and `attention_mask`, int64 [rows, longest of them]."""
        import torch

        longest = max(len(self.ids[row]) for row in rows)
        padded = [self.ids[row] + [self.pad] * (longest - len(self.ids[row])) for row in rows]
        real = [[1] * len(self.ids[row]) + [0] * (longest - len(self.ids[row])) for row in rows]
        return {
            "input_ids": torch.tensor(padded, dtype=torch.int64, device=device),
            "attention_mask": torch.tensor(real, dtype=torch.int64, device=device),
        }


def encode(tokenizer: "Tokenizer", texts: Sequence[str], *, max_length: int, pad: int) -> Encoded:
    """Tokenise texts, special tokens included, cut to `max_length` tokens."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    rows = tokenizer.encode_batch(list(texts))
    return Encoded([row.ids for row in rows], pad, truncation.count(rows))


def shuffled_batches(lengths: Sequence[int], size: int, chance: random.Random) -> list[list[int]]:
    """Numbers of rows of these lengths, in batches of similar length and random order.

    `chance` decides everything.
    """
    order = list(range(len(lengths)))
    chance.shuffle(order)
    batches: list[list[int]] = []
    for pool in _chunks(order, size * POOL):
        batches += _chunks(sorted(pool, key=lengths.__getitem__), size)
    chance.shuffle(batches)
    return batches


def _chunks(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
