"""Two models on the same rows: what is kept, gained and lost. Rows are paired by id, never by place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.evaluate.predictions import Rows
from slmworks.numbers import statistics

EXAMPLES = 8
"""How many gained and lost rows a report shows."""


def paired(ours: Rows, theirs: Rows) -> Rows:
    """`theirs` in the order of `ours`; BadRequest if they are not the same rows with the same labels."""
    where = {row: i for i, row in enumerate(theirs.ids)}
    if len(where) != len(theirs.ids) or where.keys() != set(ours.ids) or len(ours.ids) != len(where):
        raise BadRequest(
            f"the baseline's report judged other rows of '{ours.split}' than this one ({len(theirs.ids)} and "
            f"{len(ours.ids)} rows); evaluate both on the same data."
        )
    order = [where[row] for row in ours.ids]
    truth = [theirs.truth[i] for i in order]
    if truth != ours.truth:
        raise BadRequest(
            f"the baseline's report has other true labels in '{ours.split}'; evaluate both on the same data."
        )
    return replace(
        theirs,
        ids=ours.ids,
        truth=truth,
        predicted=[theirs.predicted[i] for i in order],
        sources=[theirs.sources[i] for i in order],
        probabilities=theirs.probabilities[order],
        others={name: [answers[i] for i in order] for name, answers in theirs.others.items()},
    )


def outcomes(ours: Rows, theirs: Rows) -> statistics.Outcomes:
    """Counts over the rows of a split, paired by id."""
    return statistics.Outcomes.of(ours.right, paired(ours, theirs).right)


@dataclass(frozen=True)
class Comparison:
    """Our answers beside theirs, row by row."""

    ours: Rows
    theirs: Rows

    @classmethod
    def of(cls, ours: Rows, theirs: Rows) -> "Comparison":
        """Pair the rows by id."""
        return cls(ours, paired(ours, theirs))

    def numbers(self, *, resamples: int, seed: int) -> dict[str, Any]:
        """Retention with its interval, McNemar's p-value, gained and lost rows, also for every source."""
        pairs = statistics.Outcomes.of(self.ours.right, self.theirs.right)
        kept = statistics.retention(pairs, resamples=resamples, seed=seed)
        return {
            "accuracy": statistics.wilson(pairs.theirs, pairs.n).rounded(),
            "retention": kept.rounded(),
            "mcnemar_p": round(statistics.mcnemar(pairs.gained, pairs.lost), 6),
            "gained": pairs.gained,
            "lost": pairs.lost,
            "slices": [self._slice(source) for source in sorted(set(self.ours.sources))],
        }

    def examples(self, texts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Rows that changed sides, the surest of our answers first; `texts` in the order of our rows."""
        sure = self.ours.surety
        order = sorted(range(len(texts)), key=lambda i: (-round(sure[i], 4), self.ours.ids[i]))
        both = list(zip(self.ours.right, self.theirs.right, strict=True))
        gained = [i for i in order if both[i] == (True, False)]
        lost = [i for i in order if both[i] == (False, True)]
        return {
            "gained": [self._example(i, texts[i]) for i in gained[:EXAMPLES]],
            "lost": [self._example(i, texts[i]) for i in lost[:EXAMPLES]],
        }

    def _example(self, i: int, text: str) -> dict[str, Any]:
        return {
            "id": self.ours.ids[i],
            "text": text,
            "label": self.ours.truth[i],
            "ours": self.ours.predicted[i],
            "theirs": self.theirs.predicted[i],
            "probability": round(self.ours.surety[i], 3),
        }

    def _slice(self, source: str) -> dict[str, Any]:
        mine = [i for i, own in enumerate(self.ours.sources) if own == source]
        ours, theirs = self.ours.right, self.theirs.right
        pairs = statistics.Outcomes.of([ours[i] for i in mine], [theirs[i] for i in mine])
        return {
            "source": source,
            "n": pairs.n,
            "accuracy": statistics.wilson(pairs.theirs, pairs.n).rounded(),
            "gained": pairs.gained,
            "lost": pairs.lost,
        }
