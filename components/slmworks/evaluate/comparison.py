"""Two models on the same rows: what is kept, gained and lost. Rows are paired by id, never by place."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.model_task import Measure
from slmworks.evaluate.predictions import Judged, paired
from slmworks.numbers import statistics
from slmworks.numbers.paired import Paired, better

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

EXAMPLES = 8
"""How many gained and lost rows a report shows."""


@dataclass(frozen=True)
class Comparison:
    """Our answers beside theirs, row by row, by one measure."""

    ours: Judged
    theirs: Judged
    measure: Measure

    @classmethod
    def of(cls, ours: Judged, theirs: Judged, measure: Measure) -> "Comparison":
        """Pair the rows by id."""
        return cls(ours, paired(ours, theirs), measure)

    def pairs(self, places: Sequence[int] | None = None) -> Paired:
        """Both models' counts, of all rows or of those at `places`."""
        ours, theirs = self._counts
        if places is not None:
            ours, theirs = ours[list(places)], theirs[list(places)]
        return Paired.pair(ours, theirs, self.measure)

    @property
    def _counts(self) -> "tuple[Array, Array]":
        return self.ours.counts[self.measure.name], self.theirs.counts[self.measure.name]

    def slices(self) -> Iterator[tuple[str, str, list[int]]]:
        """Kind, value and rows of every slice; a kind with a single value is the whole, and no slice."""
        for kind, column in self.ours.slices.items():
            places: dict[str, list[int]] = defaultdict(list)
            for i, value in enumerate(column):
                places[value].append(i)
            if len(places) > 1:
                for value, mine in sorted(places.items()):
                    yield kind, value, mine

    def numbers(self, *, resamples: int, seed: int) -> dict[str, Any]:
        """Retention with its interval, p of a difference, gained and lost rows, also for every slice.

        A lower bound is in it only where it is computed: where it has to be drawn, the gate draws until it is
        clear on which side of its limit the bound lies, and its verdict holds the one number.
        """
        pairs = self.pairs()
        found = statistics.retention(pairs, resamples=resamples, seed=seed)
        kept = found.estimate.rounded() if found.drawn else found.rounded()
        return {
            "value": round(pairs.other, 6),
            "retention": kept,
            "p": round(statistics.p_differ(pairs, resamples=resamples, seed=seed), 6),
            "test": statistics.difference_test(pairs),
            "gained": pairs.gained,
            "lost": pairs.lost,
            "slices": [
                {"kind": kind, "value": value, "n": len(mine)} | _sides(self.pairs(mine))
                for kind, value, mine in self.slices()
            ],
        }

    def change(self, *, resamples: int, seed: int) -> dict[str, Any] | None:
        """How far our value is from theirs, with its interval and p; None where they aren't comparable.

        `value`, `low` and `high` are how much better ours is, whichever way is better.
        """
        name = self.measure.name
        if not (name in self.ours.counts and name in self.theirs.counts):
            return None
        if not self.measure.comparable(*self._counts):
            return None
        pairs = self.pairs()
        found = statistics.difference(pairs, resamples=resamples, seed=seed)
        p = statistics.p_differ(pairs, resamples=resamples, seed=seed)
        return {"theirs": round(pairs.other, 6), "better": found.estimate.rounded(), "p": round(p, 6)}

    def examples(self, texts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Rows that changed sides, the surest of our answers first; `texts` in the order of our rows."""
        sure = [one or 0.0 for one in self.ours.confidence]
        order = sorted(range(len(texts)), key=lambda i: (-round(sure[i], 4), self.ours.ids[i]))
        ours, theirs = self._counts
        gaps = better(ours, theirs, self.measure)
        return {
            "gained": [self._example(i, texts[i]) for i in order if gaps[i] > 0][:EXAMPLES],
            "lost": [self._example(i, texts[i]) for i in order if gaps[i] < 0][:EXAMPLES],
        }

    def _example(self, i: int, text: str) -> dict[str, Any]:
        sure = self.ours.confidence[i]
        return {
            "id": self.ours.ids[i],
            "text": text,
            "truth": self.ours.truth[i],
            "ours": self.ours.brief[i],
            "theirs": self.theirs.brief[i],
            "confidence": None if sure is None else round(sure, 3),
        }


def _sides(pairs: Paired) -> dict[str, Any]:
    return {
        "ours": round(pairs.value, 6),
        "theirs": round(pairs.other, 6),
        "gained": pairs.gained,
        "lost": pairs.lost,
    }
