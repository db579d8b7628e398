"""What curation carries from operator to operator: rows, and a count of everything done to them."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

SPLITS = ("train", "validation", "test", "transfer")
"""The splits of a Dataset; `transfer` is unlabelled."""


@dataclass(slots=True)
class Row:
    """One text on its way into the data set."""

    text: str
    label: str | None
    source: str
    """Where it comes from, for slices: the input's name, or a column's value."""
    origin: str
    """`<input>/<file>` and position (`#12`): what tells two equal rows apart."""
    pool: str
    """The split it was given for, or `pool` when it is to be split."""
    group: str = ""
    """Rows of one group stay in one split; empty: none."""
    id: str = ""
    """Digest of text, label and origin: 20 hex digits."""

    @property
    def key(self) -> str:
        """What makes two texts equal: everything but case."""
        return self.text.casefold()

    def identify(self) -> None:
        """Set `id` from the row's final text."""
        content = "\0".join((self.text, self.label or "", self.source, self.origin))
        self.id = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:20]


@dataclass
class Tally:
    """Counts of dropped and changed rows by reason, and of replaced personal data by kind."""

    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
