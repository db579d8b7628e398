"""Verdicts of a judge on pairs of answers, each asked for twice with the answers' places swapped.

Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023): a judge prefers a place, so an
answer wins only if it is preferred from both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from slmworks.contract.model_task import share
from slmworks.numbers import statistics
from slmworks.numbers.paired import Paired

Verdict = Literal["A", "B", "tie"]
"""The answer that is shown first, the one behind it, or neither."""
Outcome = Literal["win", "loss", "tie", "unread"]

WIN_RATE = share("win_rate", "win rate", lambda _row, answer: (float(answer["score"]), 1.0))
"""The share of pairs that are won, where a tie is half a win."""
SCORES: Mapping[Outcome, float] = {"win": 1.0, "tie": 0.5, "loss": 0.0}


@dataclass(frozen=True)
class Pair:
    """What a judge said of our answer to a row and of theirs."""

    id: str
    ahead: Verdict | None
    """With our answer first; None where no verdict could be read."""
    behind: Verdict | None
    """With our answer second."""
    same: bool = False
    """Both answers are the same text: a tie that nobody was asked about."""

    @property
    def outcome(self) -> Outcome:
        """A win or loss only if both verdicts are for the same answer."""
        if self.same:
            return "tie"
        if self.ahead is None or self.behind is None:
            return "unread"
        if self.ahead == self.behind or "tie" in (self.ahead, self.behind):
            return "tie"
        return "win" if self.ahead == "A" else "loss"

    @property
    def flipped(self) -> bool:
        """Whether the place decided: the same place was preferred, whichever answer stood there."""
        return not self.same and self.ahead == self.behind and self.ahead in ("A", "B")


def win_rate(
    pairs: Sequence[Pair],
    *,
    limit: float | None = None,
    resamples: int = statistics.DRAWS,
    seed: int = 0,
    confidence: float = 0.95,
) -> statistics.Bounded:
    """The share of pairs that are won, a tie as half a win, with its interval; unread ones are left out.

    Paired: of each row what we win they lose. ValueError where no pair was read.
    """
    scores = [SCORES[one.outcome] for one in pairs if one.outcome != "unread"]
    both = Paired.pair(
        [(score, 1.0) for score in scores],  # type: ignore[arg-type]
        [(1.0 - score, 1.0) for score in scores],  # type: ignore[arg-type]
        WIN_RATE,
    )
    found = statistics.difference(
        both,
        limit=None if limit is None else 2 * limit - 1,
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )
    of = found.estimate
    estimate = statistics.Estimate(*(0.5 + end / 2 for end in (of.value, of.low, of.high)))
    return statistics.Bounded(estimate, 0.5 + found.bound / 2, 0.5 + found.surely / 2, found.drawn)


def bias(pairs: Sequence[Pair]) -> dict[str, float]:
    """How often the place decided, with its interval, and in which share of these it was the first place."""
    asked = [one for one in pairs if not one.same and one.outcome != "unread"]
    flips = [one for one in asked if one.flipped]
    if not asked:
        return {"n": 0}
    found = {"n": len(asked), "flipped": len(flips), **statistics.wilson(len(flips), len(asked)).rounded()}
    if flips:
        found["first"] = round(sum(one.ahead == "A" for one in flips) / len(flips), 6)
    return found


def agreement(pairs: Sequence[Pair], right: Mapping[str, tuple[bool, bool]]) -> dict[str, float]:
    """How often the judge prefers the right answer, over rows where exactly one is; `right`: ours, theirs."""
    sides = {"win": (True, False), "loss": (False, True)}
    told = [one for one in pairs if one.outcome != "unread" and right[one.id][0] != right[one.id][1]]
    if not told:
        return {"n": 0}
    agree = sum(sides.get(one.outcome) == right[one.id] for one in told)
    ties = sum(one.outcome == "tie" for one in told)
    counts = {"n": len(told), "agree": agree, "ties": ties, "disagree": len(told) - agree - ties}
    return {**counts, **statistics.wilson(agree, len(told)).rounded()}
