"""Scores of a student by what lies between its layers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slmworks_torch.causal.measures import LossScore

if TYPE_CHECKING:
    import torch

NAME = "hidden_distance"
"""The distance on validation: in curves, summaries, and in scores of other things."""


class LowerScore(LossScore):
    """A score of a loss or a distance of any name; its `value` is the negative of that."""

    @property
    def numbers(self) -> dict[str, float]:
        """The positive number by its name, and the other ones."""
        return {self.name: -self.value, **self.further}


def by_distance(each: "torch.Tensor", further: Mapping[str, float] | None = None) -> LowerScore:
    """The score of each row's distance from its teacher, [rows]."""
    found = each.double()
    error = float(found.std()) / len(found) ** 0.5 if len(found) > 1 else 0.0
    return LowerScore(NAME, -float(found.mean()), error, further or {})
