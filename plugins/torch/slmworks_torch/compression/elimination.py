"""Layers that go one after the other, each time the one that is missed least (SLEB: Song et al., 2024)."""

import math
from collections.abc import Collection, Mapping, Sequence

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.compression.compressible import Calibration, Compressible

TOGETHER = 3
"""Networks that are compared with one computation of the whole one."""


def with_layers(whole: Compressible, layers: Sequence[int]) -> Compressible:
    """The model with the named layers only, weights shared; BadRequest where it can't be without others."""
    from slmworks_torch import students

    config, weights = students.of_layers(whole.net, layers)
    return whole.with_net(students.built(config, whole.head, weights, layers, shared=True))


def eliminated(
    whole: Compressible, depth: int, batches: Sequence[Calibration], drop: int, task: Task
) -> dict[int, float]:
    """The `drop` of `depth` layers that go, in turn -> distance from the whole one's answers once it is gone.

    Which layer is missed least is found anew after each. Measured again are those that were missed least
    before, until all others were missed more: that hardly ever falls as layers go (lazy search; Minoux,
    1978). What a network can't be without is infinitely missed.
    """
    left = list(range(depth))
    known = _missed(whole, batches, left, left)
    gone: dict[int, float] = {}
    while True:
        first = min(known, key=lambda layer: (known[layer], -layer))
        gone[first] = known.pop(first)
        left.remove(first)
        task.progress(len(gone), drop, unit="layers", note="layers that are missed least")
        if len(gone) == drop:
            return gone
        known = _again(whole, batches, left, known)


def _again(
    whole: Compressible, batches: Sequence[Calibration], left: Sequence[int], known: Mapping[int, float]
) -> dict[int, float]:
    """How much layers are missed now; as known before for those that aren't the first by that either."""
    found: dict[int, float] = {}
    order = sorted(known, key=lambda layer: (known[layer], -layer))
    while order and (not found or known[order[0]] <= min(found.values())):
        some, order = order[:TOGETHER], order[TOGETHER:]
        found |= _missed(whole, batches, left, some)
    return {**known, **found}


def _missed(
    whole: Compressible, batches: Sequence[Calibration], left: Sequence[int], tried: Collection[int]
) -> dict[int, float]:
    """Mean distance from the whole model's answers of what is left, without each of the tried layers."""
    import torch

    without: dict[int, Compressible] = {}
    for layer in tried:
        try:
            without[layer] = with_layers(whole, [other for other in left if other != layer])
        except BadRequest:
            continue
    sums = dict.fromkeys(without, 0.0)
    places = 0
    with torch.inference_mode():
        for batch in batches:
            wanted = whole.answers(batch)
            places += len(wanted)
            for layer, smaller in without.items():
                sums[layer] += float(whole.distances(wanted, smaller.answers(batch)).sum())
    return {**dict.fromkeys(tried, math.inf), **{layer: total / places for layer, total in sums.items()}}
