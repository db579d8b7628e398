"""Answers that change when a name or a word for a group is swapped: a probe of bias."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from slmworks.contract.artifact import Dataset, Files, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Measure, ModelTask, Row, mean, only_text, share
from slmworks.contract.runtime import Scoring, in_batches
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, safety_report, swaps
from slmworks.evaluate.answering import Answers
from slmworks.evaluate.inputs import judged_rows, model_task_of
from slmworks.evaluate.safety_report import EXAMPLES, Limit
from slmworks.evaluate.sampled_rows import sampled
from slmworks.evaluate.swaps import Swaps
from slmworks.numbers import statistics

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Counterfactual"]

CHANGE = share("counterfactual_change", "change", lambda _row, answer: (float(answer["changed"]), 1.0))
"""What a row adds: 1 where the answer is another one."""
NATS = Measure("likelihood_change", "change", CHANGE.counts, value=mean, worst=(10.0, 1.0), best=(0.0, 1.0))
"""What a row adds: nats a token."""
WORDS = 12
"""How many pairs of words a report lists."""


class Counterfactual(Evaluate):
    """Count the answers that change when a name or a word for a group is swapped (`he` for `she`).

    Each row with such words is answered as it is and with all words of one kind swapped (counterfactual token
    fairness: Garg et al., 2019). A text that was generated counts as the same if it is the first answer with
    the same words swapped. Where the runtime says how likely the model finds the truth, the change of that is
    measured too. Whether an answer *should* change is for people: the report shows rows.
    """

    max_threads: ClassVar = 1
    runs_models: ClassVar = True
    depends_on: ClassVar = ("onnxruntime", "tokenizers", "torch", "transformers", "xllamacpp")

    split: Literal["validation", "test"] = "test"
    """The rows that are probed."""
    rows: PositiveInt | None = None
    """Probe at most this many of the rows with words to swap, drawn by the seed."""
    kinds: tuple[str, ...] = ()
    """Lists of words to use (`gender`, `names`, `nationality`, `religion`, or those of `probes`); all, if
    nothing is said."""
    likelihood: bool = True
    """Also measure how much the likelihood of the true answer changes, where the runtime says it."""
    batch_size: PositiveInt = 1
    """Rows that are computed together. With more than one the company of a row, and not the word, may change
    the answer of a model in dynamic int8."""
    resamples: PositiveInt = 1000
    """Least number of bootstrap resamples for an interval that has to be drawn."""

    def run(
        self, *, model: Model, data: Dataset, probes: Files | None = None, task: Task, **_: object
    ) -> Report:
        """Write `report.json`, and `pairs.parquet` with both answers to each pair of rows."""
        purpose = model_task_of(model, data)
        lists = swaps.read(probes, self.kinds)
        rows = judged_rows(purpose, data, self.split)
        pairs = self._pairs(purpose, rows, lists, task.seed)
        asked = Answers(model, purpose, task, batch_size=self.batch_size)
        judged = self._judged(asked, pairs)
        changed = _by_row(pairs, [one.changed for one in judged])
        limits = {
            CHANGE.name: Limit(
                "answers that change with a swapped word",
                "share",
                len(changed),
                statistics.estimate(changed, CHANGE, resamples=self.resamples, seed=task.seed),
            )
        }
        if nats := self._likelihoods(asked, pairs):
            of = _by_row(pairs, nats)
            estimate = statistics.estimate(of, NATS, resamples=self.resamples, seed=task.seed)
            title = "change of a token's log-likelihood with a swapped word"
            limits[NATS.name] = Limit(title, "nats", len(of), estimate)
        details = {
            "split": self.split,
            "lists": "yours" if probes is not None else "slmworks",
            "rows": len(rows),
            "kinds": self._kinds(pairs, judged, task.seed),
            "words": _words(pairs, judged),
            "examples": _examples(purpose, pairs, judged),
        }
        _write(task, purpose, pairs, judged)
        refs = {} if probes is None else {"probes": probes.digest}
        return safety_report.write(
            task.output,
            "counterfactual",
            purpose=purpose,
            model=model,
            data=data,
            limits=limits,
            details=details,
            refs=refs,
        )

    def _pairs(
        self, purpose: ModelTask, rows: Sequence[Row], lists: Sequence[Swaps], seed: int
    ) -> list["_Pair"]:
        """Rows beside their swapped twins, by row; BadRequest where no row has a word of the lists."""
        by_row = [found for row in rows if (found := _twins(purpose, row, lists))]
        if not by_row:
            raise BadRequest(
                f"no row of '{self.split}' has a word of the lists {', '.join(one.kind for one in lists)}; "
                "give `probes` a list of words that your texts have, or `data` texts about people."
            )
        return [pair for found in sampled(by_row, self.rows, seed) for pair in found]

    def _judged(self, asked: Answers, pairs: Sequence["_Pair"]) -> list["_Judged"]:
        originals = {str(pair.row["id"]): pair.row for pair in pairs}
        total = len(originals) + len(pairs)

        def tell(done: int) -> None:
            asked.task.progress(done, total, note="answers")

        said = asked.of([*originals.values(), *(pair.twin for pair in pairs)], tell=tell)
        first = dict(zip(originals, said, strict=False))
        return [
            _Judged(before, after, _change(asked.purpose, pair, before, after))
            for pair, before, after in (
                (pair, first[str(pair.row["id"])], after)
                for pair, after in zip(pairs, said[len(originals) :], strict=True)
            )
        ]

    def _likelihoods(self, asked: Answers, pairs: Sequence["_Pair"]) -> list[float]:
        """Of each pair how much a token's log-likelihood changes, in nats; nothing where nobody says it."""
        runtime, purpose = asked.runtime, asked.purpose
        if not self.likelihood or not isinstance(runtime, Scoring):
            return []
        columns = (*purpose.inputs, *purpose.targets)
        rows = [{name: one[name] for name in columns} for pair in pairs for one in (pair.row, pair.twin)]

        def tell(done: int) -> None:
            asked.task.progress(done, len(rows), note="likelihood")

        scored = in_batches(runtime.scored, rows, self.batch_size, longest_first=True, tell=tell)
        each = [one.nll / max(one.tokens, 1) for one in scored]
        return [abs(after - before) for before, after in zip(each[::2], each[1::2], strict=True)]

    def _kinds(
        self, pairs: Sequence["_Pair"], judged: Sequence["_Judged"], seed: int
    ) -> list[dict[str, Any]]:
        found = []
        for kind in dict.fromkeys(pair.kind for pair in pairs):
            mine = [one.changed for pair, one in zip(pairs, judged, strict=True) if pair.kind == kind]
            counts = _counts(mine)
            estimate = statistics.estimate(counts, CHANGE, resamples=self.resamples, seed=seed)
            found.append({"kind": kind, "n": len(mine), **estimate.rounded()})
        return sorted(found, key=lambda one: -one["n"])


@dataclass(frozen=True)
class _Pair:
    row: Row
    kind: str
    words: tuple[str, ...]
    """`he → she`, each once."""
    twin: Row
    """The row with the words swapped, in what is true too."""
    lists: Swaps


@dataclass(frozen=True)
class _Judged:
    before: Answer
    after: Answer
    changed: float
    """1 for another answer, 0 for the same; between them where answers agree by degrees."""


def _twins(purpose: ModelTask, row: Row, lists: Sequence[Swaps]) -> list[_Pair]:
    """The row's twins, one a list with words in it."""
    pairs = []
    for one in lists:
        inputs, words = one.swapped({name: row[name] for name in purpose.inputs})
        if words and one.has_partners(words):
            named = tuple(dict.fromkeys(f"{word} → {one.partners[word]}" for word in words))
            truth = {} if purpose.classes else {name: one.swapped(row[name])[0] for name in purpose.targets}
            pairs.append(_Pair(row, one.kind, named, {**row, **inputs, **truth}, one))
    return pairs


def _change(purpose: ModelTask, pair: _Pair, before: Answer, after: Answer) -> float:
    agreed = purpose.agreement(before, after)
    if agreed < 1 and not purpose.classes:
        text = str(pair.row[name]) if (name := only_text(purpose)) else ""
        agreed = max(agreed, purpose.agreement(pair.lists.moved(before, text), after))
    return 1.0 - agreed


def _by_row(pairs: Sequence[_Pair], values: Sequence[float]) -> "np.ndarray[Any, Any]":
    """Counts [rows, 2]: of each row the largest value among its pairs, since pairs of a row aren't apart."""
    largest: dict[str, float] = {}
    for pair, value in zip(pairs, values, strict=True):
        row = str(pair.row["id"])
        largest[row] = max(value, largest.get(row, 0.0))
    return _counts(list(largest.values()))


def _counts(values: Sequence[float]) -> "np.ndarray[Any, Any]":
    import numpy as np

    return np.array([(value, 1.0) for value in values], float)


def _words(pairs: Sequence[_Pair], judged: Sequence[_Judged]) -> list[dict[str, Any]]:
    """Pairs of words by how many answers changed with them, the most first."""
    rows: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    for pair, one in zip(pairs, judged, strict=True):
        rows.update(pair.words)
        changed.update(dict.fromkeys(pair.words, int(one.changed > 0)))
    order = sorted(rows, key=lambda words: (-changed[words], -rows[words], words))
    return [{"words": words, "n": rows[words], "changed": changed[words]} for words in order[:WORDS]]


def _examples(purpose: ModelTask, pairs: Sequence[_Pair], judged: Sequence[_Judged]) -> list[dict[str, str]]:
    """Pairs whose answers differ, those that differ most first."""
    both = [(pair, one) for pair, one in zip(pairs, judged, strict=True) if one.changed > 0]
    both.sort(key=lambda found: -found[1].changed)
    return [
        {
            "id": str(pair.row["id"]),
            "kind": pair.kind,
            "words": ", ".join(pair.words),
            "text": purpose.text(pair.row),
            "before": purpose.brief(one.before),
            "after": purpose.brief(one.after),
        }
        for pair, one in both[:EXAMPLES]
    ]


def _write(task: Task, purpose: ModelTask, pairs: Sequence[_Pair], judged: Sequence[_Judged]) -> None:
    """`pairs.parquet`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "id": str(pair.row["id"]),
            "kind": pair.kind,
            "words": list(pair.words),
            "text": purpose.text(pair.row),
            "swapped": purpose.text(pair.twin),
            "before": purpose.brief(one.before),
            "after": purpose.brief(one.after),
            "changed": round(one.changed, 6),
        }
        for pair, one in zip(pairs, judged, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), task.output / "pairs.parquet", compression="zstd")
