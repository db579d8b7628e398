"""Answers of two sides to the same test rows: what one gained and lost beside the other."""

from dataclasses import dataclass
from typing import Any

from slmworks.compare.side import Side
from slmworks.contract.errors import BadRequest
from slmworks.evaluate.comparison import Comparison
from slmworks.numbers.statistics import DRAWS

SPLIT = "test"
SLICES = 5
"""Slices that are shown, those that changed most first."""


@dataclass(frozen=True)
class Beside:
    """One side's answers beside the first one's."""

    n: int
    change: dict[str, Any]
    """How much better: `value`, `low`, `high`; and `p` of a difference (two-sided)."""
    gained: int
    lost: int
    slices: tuple[dict[str, Any], ...]
    """Those that changed most: `kind`, `value`, `n`, `better`, `gained`, `lost`."""
    examples: dict[str, list[dict[str, Any]]]
    """`gained` and `lost` rows: `id`, `truth`, `ours`, `theirs`, the surest first."""


def beside(ours: Side, theirs: Side) -> Beside | str:
    """How `ours` differs from `theirs`, or why that can't be said."""
    if ours.quality is None or theirs.quality is None:
        return "no quality report on one of them"
    if ours.quality.model == theirs.quality.model:
        return "the same model, to the byte"
    if ours.quality.model_task.name != theirs.quality.model_task.name:
        return f"one is for {ours.quality.model_task.name}, the other for {theirs.quality.model_task.name}"
    try:
        found = ours.quality.beside(theirs.quality, SPLIT)
        change = found.change(resamples=DRAWS, seed=0)
    except BadRequest as error:
        return f"not judged on the same rows ({error})"
    if change is None:
        return f"their {found.measure.title} can't be compared"
    pairs = found.pairs()
    return Beside(
        n=pairs.n,
        change={**change["better"], "p": change["p"]},
        gained=pairs.gained,
        lost=pairs.lost,
        slices=tuple(_slices(found)),
        examples=found.examples([""] * len(found.ours.ids)),
    )


def _slices(found: Comparison) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for kind, value, mine in found.slices():
        pairs = found.pairs(mine)
        if pairs.gained == pairs.lost:
            continue
        better = pairs.value - pairs.other
        sign = 1 if found.measure.higher_is_better else -1
        rows.append(
            {
                "kind": kind,
                "value": value,
                "n": pairs.n,
                "better": round(sign * better, 6),
                "gained": pairs.gained,
                "lost": pairs.lost,
            }
        )
    rows.sort(key=lambda one: -abs(one["gained"] - one["lost"]))
    return rows[:SLICES]
