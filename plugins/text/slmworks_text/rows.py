"""What curation carries from operator to operator: rows, and a count of everything done to them."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

SPLITS = ("train", "validation", "test", "transfer")
"""The splits of a Dataset; `transfer` is unlabelled."""

PLACES = ("test", "validation", "train", "transfer")
"""Where a row can be, by number: the first of them that has a text keeps it. `train` also means the pool."""

POOL = PLACES.index("train")


@dataclass(slots=True)
class Row:
    """One text on its way into the data set."""

    text: str
    label: str
    """Empty: the row is unlabelled."""
    source: str
    """Where it comes from, for slices: the input's name, or a column's value."""
    origin: str
    """`<input>/<file>` and position (`#12`): what tells two equal rows apart."""
    place: int
    """Index into `PLACES`: the split it was given for, or the pool."""
    group: str = ""
    """Rows of one group stay in one split; empty: none."""

    def identity(self) -> str:
        """Digest of text, label and origin: 20 hex digits."""
        content = f"{self.text}\0{self.label}\0{self.source}\0{self.origin}"
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:20]


@dataclass
class Tally:
    """Counts of dropped and changed rows by reason, and of replaced personal data by kind."""

    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
