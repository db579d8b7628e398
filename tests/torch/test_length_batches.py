"""Batches hold every row once, similar lengths together, in an order that a seed decides."""

import random
from collections.abc import Iterable

from slmworks.contract.runtime import length_batches
from slmworks_torch.batches import Encoded, shuffled_batches

CHANCE = random.Random(3)
ROWS = Encoded([[1] * CHANCE.randint(1, 40) for _ in range(500)], pad=9)


LENGTHS = list(map(len, ROWS.ids))


def padding(batches: Iterable[list[int]]) -> float:
    """Share of a batch that is padding."""
    lengths = [[len(ROWS.ids[row]) for row in batch] for batch in batches]
    return 1 - sum(map(sum, lengths)) / sum(max(batch) * len(batch) for batch in lengths)


def test_every_row_comes_once():
    for batches in (list(length_batches(LENGTHS, 16)), shuffled_batches(ROWS.lengths, 16, random.Random(0))):
        assert sorted(row for batch in batches for row in batch) == list(range(500))
        assert max(map(len, batches)) == 16


def test_little_is_padding():
    assert padding(length_batches(LENGTHS, 16)) < 0.05
    assert padding(shuffled_batches(ROWS.lengths, 16, random.Random(0))) < 0.05


def test_the_longest_come_first_when_asked():
    (first, *_, last) = length_batches(LENGTHS, 16, longest_first=True)
    assert max(LENGTHS[row] for row in last) <= min(LENGTHS[row] for row in first)


def test_the_seed_decides_the_order():
    first, same, other = (shuffled_batches(ROWS.lengths, 16, random.Random(seed)) for seed in (0, 0, 1))
    assert first == same != other


def test_short_rows_are_filled_up_and_hidden():
    import torch

    batch = Encoded([[5, 6, 7], [8]], pad=9).batch([1, 0], torch.device("cpu"))
    assert batch["input_ids"].tolist() == [[8, 9, 9], [5, 6, 7]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
