"""Counts of entities: those that are right, those that are wrong, and in which way.

An entity is right if its label and both its ends are, as conlleval (Tjong Kim Sang & De Meulder, 2003) and
seqeval's default mode count; counts are summed over all labels (micro).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.model_task import Answer, Row
from slmworks.model_tasks.token_classification.tags import word_tags
from slmworks.model_tasks.word_windows import words_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Key = tuple[int, int, str]
"""Start, end and label of an entity."""
TINY = 1e-12


def keys(entities: Sequence[Mapping[str, Any]]) -> set[Key]:
    """The entities as what they are compared by."""
    return {(int(one["start"]), int(one["end"]), str(one["label"])) for one in entities}


def spans(row: Row, answer: Answer) -> tuple[float, ...]:
    """Entities that are right, that only the answer has, that only the truth has."""
    truth, said = keys(row["entities"]), keys(answer["entities"])
    both = len(truth & said)
    return (float(both), float(len(said) - both), float(len(truth) - both))


def said_right(row: Row, answer: Answer) -> tuple[float, ...]:
    """Right entities of the answer, and all of them."""
    right, wrong, _missed = spans(row, answer)
    return (right, right + wrong)


def found_right(row: Row, answer: Answer) -> tuple[float, ...]:
    """Right entities of the answer, and all there are."""
    right, _wrong, missed = spans(row, answer)
    return (right, right + missed)


def words(row: Row, answer: Answer) -> tuple[float, ...]:
    """Words and punctuation marks with the right tag, and all of them."""
    all_words = words_of(row["text"])
    pairs = zip(word_tags(all_words, row["entities"]), word_tags(all_words, answer["entities"]), strict=True)
    return (float(sum(wanted == given for wanted, given in pairs)), float(len(all_words)))


def f1(sums: "Array") -> "Array":
    """F1 from sums [..., (right, wrong, missed)]; 0 where there is no entity at all."""
    import numpy as np

    return np.asarray(2 * sums[..., 0] / np.maximum(2 * sums[..., 0] + sums[..., 1] + sums[..., 2], TINY))


def by_label(rows: Sequence[Row], answers: Sequence[Answer], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and entities of each label, as JSON."""
    right, said, true = (Counter[str]() for _ in range(3))
    for row, answer in zip(rows, answers, strict=True):
        wanted, given = keys(row["entities"]), keys(answer["entities"])
        right.update(label for _, _, label in wanted & given)
        said.update(label for _, _, label in given)
        true.update(label for _, _, label in wanted)
    return [
        {
            "label": label,
            "precision": round(right[label] / max(said[label], 1), 6),
            "recall": round(right[label] / max(true[label], 1), 6),
            "f1": round(2 * right[label] / max(said[label] + true[label], 1), 6),
            "support": true[label],
        }
        for label in labels
    ]


def errors(rows: Sequence[Row], answers: Sequence[Answer]) -> dict[str, int]:
    """Wrong entities by kind: another label, other ends, nothing found, nothing there.

    A true entity is `ends` or `label` where one of the answer overlaps it; `invented` ones overlap none.
    """
    found: dict[str, int] = defaultdict(int, dict.fromkeys(("label", "ends", "missed", "invented"), 0))
    for row, answer in zip(rows, answers, strict=True):
        wanted, given = keys(row["entities"]), keys(answer["entities"])
        for one in wanted - given:
            beside = [other for other in given if _overlap(one, other)]
            same_ends = any(other[:2] == one[:2] for other in beside)
            found["label" if same_ends else "ends" if beside else "missed"] += 1
        found["invented"] += sum(not any(_overlap(one, other) for other in wanted) for one in given)
    return dict(found)


def _overlap(one: Key, other: Key) -> bool:
    return one[0] < other[1] and other[0] < one[1]
