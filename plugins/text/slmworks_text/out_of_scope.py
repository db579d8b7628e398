"""Rows that a classifier is not made for: kept apart from what it learns, to judge what it declines.

They have no label in the data. Those of a `validation` or `test` input stay with it; those of the pool are
shared out between the two, and none is trained on.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.scope import SPLITS
from slmworks_text.labels import Labels
from slmworks_text.rows import PLACES, Row

INPUT = "out_of_scope"
"""Name of an input of which every row is out of scope."""
INPUTS = frozenset((INPUT, *SPLITS.values()))
"""And of those that are for one split."""
FEW = 30
"""Rows in the test below which what a model declines is chance."""


@dataclass
class OutOfScope:
    """Which rows are out of scope, and where they go."""

    labels: Sequence[str]
    """Labels of such rows, as the option lists them."""
    names: Labels
    """What the labels of rows are compared with."""
    share: float
    """Share of those of the pool that is for the test."""
    seed: int
    found: set[str] = field(default_factory=set)
    """Of `labels`, those that some row has."""

    @classmethod
    def of(cls, labels: Sequence[str], share: float, *, normalise: bool, seed: int) -> "OutOfScope":
        """From the options of a curation; `share`: see there."""
        return cls(labels, Labels.of(tuple(labels), normalise=normalise), share, seed)

    def apart(self, rows: Iterator[Row], *, every: bool) -> Iterator[Row]:
        """The rows, those out of scope without label and in a split of their own; `every`: all of them."""
        return self._apart(rows, every=every) if every or self.labels else rows

    def _apart(self, rows: Iterator[Row], *, every: bool) -> Iterator[Row]:
        for row in rows:
            label = self.names.read(row.target)[0] if self.labels and row.target else None
            if every or label:
                self.found.update([label] if label else [])
                row.target = ""
                row.place = self._place(row)
            yield row

    def _place(self, row: Row) -> int:
        split = PLACES[row.place]
        if split in SPLITS.values():
            return row.place
        if split not in SPLITS:
            drawn = hashlib.sha256(f"{self.seed}\0{row.text}".encode("utf-8", "surrogatepass")).digest()
            split = "test" if int.from_bytes(drawn[:8]) < self.share * 2**64 else "validation"
        return PLACES.index(SPLITS[split])

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """BadRequest for a label of the option that no row has; `known`: those that rows have."""
        for label in self.labels:
            if self.names.read(label)[0] not in self.found:
                raise BadRequest(
                    f"with.out_of_scope: no row has the label '{label}'. {did_you_mean(label, list(known))}"
                )


def with_labels(
    labels: Sequence[str] | Mapping[str, str], outside: Sequence[str]
) -> tuple[str, ...] | dict[str, str]:
    """The labels to keep, or the mapping to them, with those that are out of scope; empty: all are kept."""
    if not labels:
        return ()
    if isinstance(labels, Mapping):
        return {**{label: label for label in outside}, **labels}
    return (*labels, *outside)


def warnings(rows: Mapping[str, int]) -> list[str]:
    """A sentence where there are out-of-scope rows and few in the test; `rows`: split -> how many."""
    there = {split: rows.get(split, 0) for split in SPLITS.values()}
    test = SPLITS["test"]
    if not any(there.values()) or there[test] >= FEW:
        return []
    return [f"{test} has {there[test]} rows, hardly enough to say what a model declines"]
