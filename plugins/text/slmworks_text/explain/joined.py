"""What joins do to one row: duplicate of which, split, overlap with an evaluation set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slmworks_text.explain.course import shown
from slmworks_text.explain.traced import Told, TracedRows
from slmworks_text.facts.seen import View
from slmworks_text.joins.components import Components
from slmworks_text.joins.watching import Similarity, Watch
from slmworks_text.label_noise.ranking import Ranking
from slmworks_text.ledger import Key, Ledger
from slmworks_text.rows import PLACES, POOL
from slmworks_text.shingles import shingles

NAMED = 3
"""So many other rows are named."""
STEPS = {
    "equal": "duplicates",
    "near": "near duplicates",
    "contexts": "contexts",
    "semantic": "meaning",
    "sample": "sample",
    "decontaminate": "decontaminate",
    "transfer": "sample",
    "label noise": "label noise",
    "balance": "balance",
}
WHAT = {"equal": "equal to", "contexts": "about the context of", "semantic": "near in meaning to"}
LEFT_OUT = {
    "sample": "dropped: more than `rows` or `sample` says, and not drawn by the seed",
    "transfer": "dropped: more than `transfer_rows`",
    "balance": "dropped: its label or source has more rows than `balance` lets stay",
    "label noise": "dropped: among the first of the ranking, as `label_noise` says",
}


@dataclass
class Joined(Watch):
    """Follows one row, by its id, and keeps a line for every join that did something to it."""

    rows: TracedRows
    id: str
    view: View
    key: Key | None = None
    """None where a row's text is what it is compared by."""
    kind: str = "row"
    """What people call a row."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    dropped: bool = False
    _at: int | None = None
    _overlap: tuple[str, float] | None = None
    _similarity: Similarity | None = None
    _told_of: set[int] = field(default_factory=set)
    """Rows that were left out for it, and named."""

    def overlaps(self, row: int, name: str, share: float) -> None:
        """Remember the evaluation set."""
        if row == self._at:
            self._overlap = name, share

    def joined(
        self,
        name: str,
        ledger: Ledger,
        components: Components | None = None,
        similarity: Similarity | None = None,
    ) -> None:
        """Say what became of the row, and of those that are like it."""
        if self._at is None:
            self._at = self.rows.positions({self.id})[self.id]
        if self.dropped:
            return
        self.dropped = not ledger.kept[self._at]
        self._similarity = similarity
        said = self._duplicate(name, ledger, components) if components is not None else self._left_out(name)
        if said:
            self.lines.append((STEPS[name], said))

    def end(self, ledger: Ledger, ranking: Ranking | None) -> None:
        """Say the place in the ranking of labels, and the split."""
        if ranking is not None and self._at is not None and (said := ranking.of(self._at)):
            self.lines.append(("label noise", said))
        if not self.dropped:
            split = PLACES[int(ledger.place[self._at])]
            self.lines.append(("split", f"{split}, id {self.id}"))

    def _left_out(self, name: str) -> str:
        if not self.dropped:
            return ""
        if name == "decontaminate" and self._overlap:
            return f"dropped: {overlapping(*self._overlap)}"
        return LEFT_OUT.get(name, "dropped")

    def _duplicate(self, name: str, ledger: Ledger, components: Components) -> str:
        import numpy as np

        names = components.names()
        alike = [int(i) for i in np.flatnonzero(names == names[self._at]) if i != self._at]
        if name == "near" and self.lines and not self.dropped:
            alike = [i for i in alike if ledger.searched[i]]
        if not alike or (name == "contexts" and not self.dropped):
            return ""
        if not self.dropped:
            gone = [i for i in alike if not ledger.kept[i] and i not in self._told_of]
            self._told_of.update(gone)
            return f"kept; {self._told(gone, ledger, 'left out for it')}" if gone else ""
        owners = [i for i in alike if ledger.kept[i]]
        if not owners:
            return f"dropped: conflicting labels; {self._told(alike, ledger, 'has the same text')}"
        stays = kept_for(name, self._own, owners[0], ledger, self.kind)
        return f"dropped: {stays}: {self._told(owners, ledger, '')}"

    def _told(self, others: Sequence[int], ledger: Ledger, why: str) -> str:
        """Other rows: where they are, their text, label, and how alike."""
        wanted = sorted(others)[:NAMED]
        told = self.rows.told([*wanted, self._own], self.view, self.key)
        lines = []
        for i in wanted:
            label = ledger.strata[int(ledger.stratum[i])].label
            near = how_alike(told, self._own, i, self._similarity)
            lines.append(f"{told[i].origin}{f' ({label})' if label else ''}{near}: {shown(told[i].text)}")
        more = f" and {len(others) - len(wanted)} more" if len(others) > len(wanted) else ""
        return f"{why + ': ' if why else ''}{'; '.join(lines)}{more}"

    @property
    def _own(self) -> int:
        assert self._at is not None
        return self._at


def overlapping(name: str, share: float) -> str:
    """What is said of a row that shares n-grams with an evaluation set."""
    return f"overlaps with {name} ({share:.0%} of its n-grams are there)"


def kept_for(join: str, row: int, owner: int, ledger: Ledger, kind: str) -> str:
    """What is said of a dropped row and the one that stays in its place."""
    place = ledger.place[owner]
    given = f" of {PLACES[int(place)]}" if place not in (POOL, ledger.place[row]) else ""
    return f"{WHAT.get(join, 'near')} a {kind}{given} that is kept"


def how_alike(told: Mapping[int, Told], row: int, other: int, similarity: Similarity | None) -> str:
    """How alike two rows are, behind a comma; empty where they are equal."""
    if similarity is not None:
        found = similarity(row, other)
        return f", cosine {found:.3f}" if found is not None else ""
    jaccard = jaccard_similarity(told[row].compared, told[other].compared)
    return f", similarity {jaccard:.2f}" if jaccard < 1 else ""


def jaccard_similarity(one: str, other: str) -> float:
    """Jaccard similarity of the shingles of two texts."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a | b else 1.0
