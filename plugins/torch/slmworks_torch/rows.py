"""Training rows of a Dataset, refused in one line when they can't be learnt from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.model_tasks.text_classification.labels import labels_of


@dataclass(frozen=True)
class Rows:
    """Texts of one split; `classes` are places in the list of labels, empty for unlabelled rows."""

    ids: list[str]
    texts: list[str]
    classes: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: "Rows") -> "Rows":
        """These rows, then the others."""
        return Rows(self.ids + other.ids, self.texts + other.texts, self.classes + other.classes)


def labelled(data: Dataset, split: str) -> Rows:
    """The rows of a labelled split; BadRequest when there are none or one has no known label."""
    ids, texts, labels = data.columns(split, "id", "text", "label")
    if not texts:
        raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
    place = {label: number for number, label in enumerate(labels_of(data))}
    for identity, label in zip(ids, labels, strict=True):
        if label is None:
            raise BadRequest(
                f"data: row '{identity}' of the split '{split}' has no label; "
                "drop it or move it to the split 'transfer' in the curate step."
            )
        if label not in place:
            raise BadRequest(
                f"data: row '{identity}' of the split '{split}' has the label '{label}', which the data set "
                f"doesn't list. {did_you_mean(label, place)}"
            )
    return Rows(ids, texts, [place[label] for label in labels])


def training_rows(data: Dataset) -> Rows:
    """The rows of `train`; BadRequest unless there are two labels to tell apart."""
    rows = labelled(data, "train")
    if len(set(rows.classes)) < 2:
        only = labels_of(data)[rows.classes[0]]
        raise BadRequest(
            f"data: every row of the split 'train' has the label '{only}', so there is nothing to tell "
            "apart; a classifier needs at least two labels."
        )
    return rows


def transfer_rows(data: Dataset, most: int | None) -> Rows:
    """At most `most` unlabelled rows of `transfer`, none where the data has no such split.

    Which rows is decided by their ids alone: a smaller number takes a subset of a larger one.
    """
    if "transfer" not in data.splits or most == 0:
        return Rows([], [], [])
    ids, texts = data.columns("transfer", "id", "text")
    chosen = sorted(_by_chance(ids)[:most])
    return Rows([ids[i] for i in chosen], [texts[i] for i in chosen], [])


def _by_chance(ids: Sequence[str]) -> list[int]:
    """Row numbers in an order that looks random and depends on nothing but the ids."""

    def dice(row: int) -> bytes:
        return hashlib.sha256(ids[row].encode()).digest()

    return sorted(range(len(ids)), key=dice)
