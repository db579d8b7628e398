"""Ranges of numbers as recipes write them: `1000`, `">= 1000"`, `"> 0, < 0.2"`, `"0.05..0.5"`."""

import math
import re
from dataclasses import dataclass

from slmworks_text.bins import COMPARE, TERM

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
SPAN = re.compile(rf"({NUMBER})?\s*\.\.\s*({NUMBER})?")


@dataclass(frozen=True)
class Range:
    """Conditions that a number must all meet."""

    terms: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, value: object) -> "Range":
        """The range that a value means; ValueError says how one is written."""
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return cls((("==", float(value)),))
        text = value.strip() if isinstance(value, str) else ""
        if re.fullmatch(NUMBER, text):
            return cls((("==", float(text)),))
        if (span := SPAN.fullmatch(text)) and (span[1] or span[2]):
            return cls._between(span[1], span[2])
        found = [TERM.fullmatch(term.strip()) for term in text.split(",")]
        if not all(found):
            raise ValueError(f'{value!r:.60} is no range; write 1000, ">= 1000", "> 0, < 0.2" or "0.05..0.5"')
        return cls(tuple((term[1], float(term[2])) for term in found if term))

    @classmethod
    def _between(cls, least: str | None, most: str | None) -> "Range":
        if least and most and float(least) > float(most):
            raise ValueError(f"{least}..{most} holds no number; the smaller one comes first")
        ends = ((">=", least), ("<=", most))
        return cls(tuple((sign, float(end)) for sign, end in ends if end))

    def holds(self, number: float) -> bool:
        """True for a number within."""
        return all(COMPARE[sign](number, bound) for sign, bound in self.terms)

    @property
    def bounds(self) -> tuple[float, ...]:
        """The numbers that it names."""
        return tuple(bound for _, bound in self.terms)
