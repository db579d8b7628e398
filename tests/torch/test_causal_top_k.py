"""A teacher's likeliest tokens as a ledger keeps them: nothing is lost, and the rest is never negative."""

import numpy as np
import pytest

import torch
from slmworks.contract.ledger import Cost
from slmworks.ledger.chunk import Chunk
from slmworks_torch.causal.top_k import TopK, of_logits, rounded_down


def logits(places: int, vocabulary: int, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(places, vocabulary, generator=torch.Generator().manual_seed(0)) * scale


@pytest.mark.parametrize(("vocabulary", "kind"), [(400, np.uint16), (65_536, np.uint16), (65_537, np.uint32)])
@pytest.mark.parametrize("k", [1, 16])
def test_an_entry_gives_back_every_bit(vocabulary: int, kind: type, k: int) -> None:
    given = logits(7, vocabulary)
    given[3, vocabulary - 1] = 90.0
    made = of_logits(given, k)
    assert made.ids.dtype == kind
    assert made.ids[3, 0] == vocabulary - 1
    read = TopK.of_entry(made.entry())
    assert (read.ids.dtype, read.logprobs.dtype) == (made.ids.dtype, np.float16)
    assert read.ids.tobytes() == made.ids.tobytes()
    assert read.logprobs.tobytes() == made.logprobs.tobytes()
    assert made.entry().tokens == 7


def test_log_probabilities_are_the_next_smaller_float16_and_fall() -> None:
    exact = logits(50, 400).log_softmax(dim=1).topk(16, dim=1).values.numpy()
    found = of_logits(logits(50, 400), 16).logprobs
    assert (found.astype(np.float32) <= exact).all()
    assert (np.nextafter(found, np.float16(np.inf)).astype(np.float32) > exact).all()
    assert (np.diff(found.astype(np.float32), axis=1) <= 0).all()


@pytest.mark.parametrize("scale", [0.1, 3.0, 100.0])
def test_the_rest_is_never_negative(scale: float) -> None:
    for k in (1, 16, 40):
        found = of_logits(logits(500, 40, scale), k).logprobs.astype(np.float64)
        assert (np.exp(found).sum(axis=1) < 1 + 1e-6).all()
        assert (found < 0).all()


def test_impossible_and_certain_tokens_are_numbers() -> None:
    found = rounded_down(np.array([[0.0, -1e-9, -1e5, -np.inf]], np.float32))
    assert np.isfinite(found).all()
    assert (found < 0).all()


def test_a_chunk_of_them_is_smaller_than_two_thirds_of_the_numbers() -> None:
    given = logits(20, 49_152)
    rows = {
        f"{row:032x}": of_logits(given + row / 50 * logits(20, 49_152).flip(0), 16).entry()
        for row in range(20)
    }
    data = Chunk(rows, Cost(), "2026-01-01").dump()
    assert len(data) / 400 < 64 * 2 / 3
