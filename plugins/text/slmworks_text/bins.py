"""Ratings to labels: `negative: "<= 2"`, `neutral: "> 2, < 4"`, `positive: ">= 4"`; `else` takes the rest."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TERM = re.compile(r"(<=|>=|==|<|>)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
# A comma and three digits may also be thousands, unless no thousands can be meant.
DECIMAL_COMMA = re.compile(r"([+-]?0|[+-]?[0-9]{4,}|[+-]?[0-9]+(?=,(?![0-9]{3}$))),([0-9]+)")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


@dataclass(frozen=True)
class Bin:
    """One label and the conditions that a rating must all meet."""

    label: str
    terms: tuple[tuple[str, float], ...]

    def holds(self, rating: float) -> bool:
        """True if the rating meets every condition."""
        return all(COMPARE[sign](rating, bound) for sign, bound in self.terms)


@dataclass(frozen=True)
class Bins:
    """All labels of a rating."""

    stated: tuple[Bin, ...]
    rest: str | None
    """The label of ratings that no bin takes; None: such rows are dropped."""

    @classmethod
    def parse(cls, spec: Mapping[str, str]) -> "Bins":
        """Read the option; ValueError names a wrong condition, or two bins that share a rating."""
        rest = [label for label, text in spec.items() if text.strip() == "else"]
        if len(rest) > 1:
            raise ValueError(f"only one bin can be 'else', not {' and '.join(rest)}")
        stated = tuple(Bin(label, _terms(label, text)) for label, text in spec.items() if label not in rest)
        bins = cls(stated, rest[0] if rest else None)
        _refuse_overlap(bins)
        return bins

    def label(self, rating: float) -> str | None:
        """The label of a rating, or None when no bin takes it."""
        return next((one.label for one in self.stated if one.holds(rating)), self.rest)


def rating_of(value: object) -> float:
    """The number in a cell, also `0,5`; ValueError for anything else.

    Neither `nan` nor `inf` is one, nor is `1,234`, which may be meant as more than a thousand.
    """
    text = str(value).strip()
    comma = DECIMAL_COMMA.fullmatch(text)
    number = float(f"{comma[1]}.{comma[2]}" if comma else text)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _terms(label: str, text: str) -> tuple[tuple[str, float], ...]:
    found = [TERM.fullmatch(term.strip()) for term in text.split(",")]
    if not all(found):
        raise ValueError(f'{label}: \'{text}\' is not a condition; write "<= 2", "> 2, < 4" or "else"')
    return tuple((term[1], float(term[2])) for term in found if term)


def _refuse_overlap(bins: Bins) -> None:
    """Try each bound and the ratings just beside it: conditions can only start to hold there."""
    bounds = {bound for one in bins.stated for _, bound in one.terms}
    around = [
        f for b in sorted(bounds) for f in (math.nextafter(b, -math.inf), b, math.nextafter(b, math.inf))
    ]
    for rating in around:
        taken = [one.label for one in bins.stated if one.holds(rating)]
        if len(taken) > 1:
            raise ValueError(f"a rating of {rating:g} is both {taken[0]} and {taken[1]}")
