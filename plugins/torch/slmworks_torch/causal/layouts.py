"""Rows that are computed together: padded to the longest of them, or one behind another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmworks_torch.causal.examples import Examples

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """Inputs and targets of one forward pass."""

    ids: "torch.Tensor"
    """int64 [lines, tokens]."""
    positions: "torch.Tensor"
    """int64 [lines, tokens]: 0 at the beginning of each row."""
    lines: "torch.Tensor"
    """int64 [answers]: line of each token whose successor is learnt."""
    places: "torch.Tensor"
    """int64 [answers]: its place in the line."""
    targets: "torch.Tensor"
    """int64 [answers]: the tokens that are learnt."""
    owners: "torch.Tensor"
    """int64 [answers]: numbers of the rows that these belong to."""
    mask: "torch.Tensor | None" = None
    """float32 [lines, 1, tokens, tokens]: 0 where a token (third) sees another one (last), else the lowest
    number. None: each sees those before it."""


def padded(examples: Examples, rows: Sequence[int], most: int) -> list[list[int]]:
    """Rows in groups of similar length with at most `most` tokens, padding included; a long row alone."""
    groups: list[list[int]] = []
    lengths = examples.lengths
    longest = 0
    for row in sorted(rows, key=lambda row: -lengths[row]):
        if not groups or longest * (len(groups[-1]) + 1) > most:
            groups.append([])
            longest = lengths[row]
        groups[-1].append(row)
    return groups


def packed(examples: Examples, rows: Sequence[int], most: int) -> list[list[int]]:
    """Rows in groups of at most `most` tokens: each goes into the first that has room, long ones first."""
    groups: list[list[int]] = []
    room: list[int] = []
    lengths = examples.lengths
    for row in sorted(rows, key=lambda row: -lengths[row]):
        place = next((place for place, free in enumerate(room) if free >= lengths[row]), len(groups))
        if place == len(groups):
            groups.append([])
            room.append(max(most, lengths[row]))
        groups[place].append(row)
        room[place] -= lengths[row]
    return groups


def padded_batch(examples: Examples, rows: Sequence[int], device: "torch.device") -> Batch:
    """One line a row. What fills it up stands behind the row, where no token of it looks."""
    return _batch(examples, [[row] for row in rows], device)


def packed_batch(examples: Examples, rows: Sequence[int], device: "torch.device") -> Batch:
    """All rows in one line. Positions begin anew at each, by which transformers keeps them apart."""
    return _batch(examples, [list(rows)], device)


def forked_batch(examples: Examples, forks: Sequence[tuple[int, int]], device: "torch.device") -> Batch:
    """One line for two rows with one prompt, which stands there once; the answers don't see each other.

    Learnt tokens are those of all first rows, then those of all second ones.
    """
    import torch

    width = max(
        len(examples.ids[one]) + len(examples.ids[other]) - 2 - examples.starts[one] for one, other in forks
    )
    ids = torch.zeros(len(forks), width, dtype=torch.int64)
    positions = torch.arange(width).repeat(len(forks), 1)
    lowest = torch.finfo(torch.float32).min
    mask = torch.full((width, width), lowest).triu(1).repeat(len(forks), 1, 1, 1)
    firsts: list[tuple[int, int, int, int]] = []
    seconds: list[tuple[int, int, int, int]] = []
    for number, (one, other) in enumerate(forks):
        start, own, further = examples.starts[one], examples.ids[one], examples.ids[other]
        fork = len(own) - 1
        end = fork + len(further) - 1 - start
        ids[number, :end] = torch.tensor(own[:-1] + further[start:-1])
        positions[number, fork:] -= fork - start
        mask[number, 0, fork:, start:fork] = lowest
        places = [start - 1, *range(fork, end)]
        firsts += [(number, start - 1 + place, token, one) for place, token in enumerate(own[start:])]
        seconds += [
            (number, place, token, other) for place, token in zip(places, further[start:], strict=True)
        ]
    lines, places, targets, owners = torch.tensor(firsts + seconds, device=device).T
    return Batch(ids.to(device), positions.to(device), lines, places, targets, owners, mask.to(device))


def _batch(examples: Examples, lines: Sequence[Sequence[int]], device: "torch.device") -> Batch:
    import torch

    lengths = examples.lengths
    width = max(sum(lengths[row] for row in line) for line in lines)
    ids, positions = [], []
    found: list[list[int]] = [[], [], [], []]
    for number, line in enumerate(lines):
        tokens: list[int] = []
        counted: list[int] = []
        for row in line:
            own, start = examples.ids[row], examples.starts[row]
            learnt = len(own) - start
            found[0] += [number] * learnt
            found[1] += range(len(tokens) + start - 1, len(tokens) + len(own) - 1)
            found[2] += own[start:]
            found[3] += [row] * learnt
            counted += range(len(own) - 1)
            tokens += own[:-1]
        gap = width - len(tokens)
        ids.append(tokens + [0] * gap)
        positions.append(counted + list(range(len(counted), len(counted) + gap)))
    made = (torch.tensor(one, dtype=torch.int64, device=device) for one in (ids, positions, *found))
    return Batch(*made)
