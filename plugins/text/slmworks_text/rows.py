"""A row on its way into the data set, and counts of all that was done to rows."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from slmworks.contract.scope import SPLITS as SCOPE_SPLITS

SPLITS = ("train", "validation", "test", *SCOPE_SPLITS.values(), "transfer")
"""The splits of a Dataset; `transfer` and those of what is out of scope are unlabelled."""

PLACES = ("test", "validation", "train", *reversed(list(SCOPE_SPLITS.values())), "transfer")
"""Splits by number; a text belongs to the first of them that has it. `train` also means the pool."""

POOL = PLACES.index("train")
TRANSFER = PLACES.index("transfer")
LABELLED = ("test", "validation", "train")
"""Splits whose rows have a target."""

WRONG_WIDTH = "wrong number of columns"
"""Reason for which a row is dropped."""

EXAMPLES = 3
"""Rows that are kept as examples of a reason."""


@dataclass(slots=True)
class Row:
    """One text, with its target where it is labelled."""

    text: str
    """The model task's input."""
    target: str
    """The model task's target, a label or a text; empty: the row is unlabelled."""
    source: str
    """Its source, for slices: the input's name, or a column's value."""
    origin: str
    """`<input>/<file>` and position (`#12`), by which two equal rows differ."""
    place: int
    """Index into `PLACES`: the split it was given for, or the pool."""
    group: str = ""
    """Rows of one group stay in one split; empty: none."""
    template: str = ""
    """The same of rows that one template makes; empty: none."""

    @property
    def where(self) -> str:
        """The origin as people count: `train/rows.csv row 13`."""
        file, _, position = self.origin.rpartition("#")
        return f"{file} row {int(position) + 1:,}" if position.isdecimal() else self.origin

    def identity(self) -> str:
        """Digest of text, target, source and origin: 20 hex digits."""
        content = f"{self.text}\0{self.target}\0{self.source}\0{self.origin}"
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:20]


@dataclass
class Tally:
    """Counts of dropped and changed rows by reason, and of replaced personal data by kind.

    Counts of shards add up to those of all rows.
    """

    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    ragged: str = ""
    """The first row of a wrong width: its place, and how many values it has; empty: none."""
    filtered: dict[str, str] = field(default_factory=dict)
    """Reason for which row operators drop rows -> the first such row, and the number that broke the rule."""
    found: dict[str, Counter[str]] = field(default_factory=dict)
    """Row operator -> what it found, with how often: languages, kinds of secrets."""
    first: dict[str, str] = field(default_factory=dict)
    """Reason for which rows are dropped -> place of the first, and what is wrong there."""
    examples: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    """Reason for which rows are dropped before joins -> the texts of the first such rows."""
    warnings: list[str] = field(default_factory=list)
    """Sentences about files that may be read in another way than they were meant."""

    def drop(self, reason: str, texts: Callable[[], tuple[str, ...]]) -> None:
        """Count a dropped row; the texts of the first ones of each reason are kept."""
        self.dropped[reason] += 1
        if len(kept := self.examples.setdefault(reason, [])) < EXAMPLES:
            kept.append(texts())

    def add(self, later: "Tally") -> None:
        """Add what was counted of later rows."""
        for name in ("dropped", "changed", "personal"):
            counts: Counter[str] = getattr(self, name)
            counts.update(getattr(later, name))
        self.ragged = self.ragged or later.ragged
        for name, found in later.found.items():
            self.found.setdefault(name, Counter()).update(found)
        for mine, theirs in ((self.filtered, later.filtered), (self.first, later.first)):
            mine.update({reason: place for reason, place in theirs.items() if reason not in mine})
        for reason, texts in later.examples.items():
            kept = self.examples.setdefault(reason, [])
            kept += texts[: EXAMPLES - len(kept)]
        self.warnings += later.warnings


def most_frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts, the largest first and equal ones by name, whatever order they came in.

    `Counter.most_common` keeps equal ones in the order of their first rows, which depends on the pieces.
    """
    return sorted(
        ((name, count) for name, count in counts.items() if count), key=lambda one: (-one[1], one[0])
    )
