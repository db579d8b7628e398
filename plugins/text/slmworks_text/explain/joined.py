"""What joins do to one row: duplicate of which, split, overlap with an evaluation set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks_text.explain.course import shown
from slmworks_text.joins.components import Components
from slmworks_text.joins.watching import Watch
from slmworks_text.label_noise.ranking import Ranking
from slmworks_text.ledger import Key, Ledger, compared
from slmworks_text.operators.running import View
from slmworks_text.rows import PLACES, POOL, Row
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Strata
from slmworks_text.shingles import shingles

NAMED = 3
"""So many other rows are named."""
STEPS = {
    "equal": "duplicates",
    "near": "near duplicates",
    "sample": "sample",
    "decontaminate": "decontaminate",
    "transfer": "sample",
    "label noise": "label noise",
    "balance": "balance",
}
LEFT_OUT = {
    "sample": "dropped: more than `rows`, and not drawn by the seed",
    "transfer": "dropped: more than `transfer_rows`",
    "balance": "dropped: its label or source has more rows than `balance` lets stay",
    "label noise": "dropped: among the first of the ranking, as `label_noise` says",
}


class TracedRows(StoredRows):
    """Rows on disk that remember where each came from."""

    def __init__(self, folder: Path, schema: Strata) -> None:
        super().__init__(folder, schema)
        self.origins = folder / "origins"
        self._file = self.origins.open("w", encoding="utf-8")

    def add_all(self, rows: Sequence[Row]) -> None:
        """Store rows, and their origins."""
        super().add_all(rows)
        self._file.writelines(f"{row.identity()}\t{row.where}\n".replace("\r", " ") for row in rows)

    def flush(self) -> None:
        """Write what is in memory."""
        super().flush()
        self._file.flush()

    def where(self, ids: set[str]) -> dict[str, str]:
        """Id -> origin."""
        with self.origins.open(encoding="utf-8") as file:
            pairs = (line.rstrip("\n").partition("\t") for line in file)
            return {id_: where for id_, _, where in pairs if id_ in ids}


@dataclass
class Joined(Watch):
    """Follows one row, by its id, and keeps a line for every join that did something to it."""

    rows: TracedRows
    id: str
    view: View
    key: Key | None = None
    """None where a row's text is what it is compared by."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    dropped: bool = False
    _at: int | None = None
    _overlap: tuple[str, float] | None = None

    def overlaps(self, row: int, name: str, share: float) -> None:
        """Remember the evaluation set."""
        if row == self._at:
            self._overlap = name, share

    def joined(self, name: str, ledger: Ledger, components: Components | None = None) -> None:
        """Say what became of the row, and of those that are like it."""
        if self._at is None:
            self._at = self._position()
        if self.dropped:
            return
        self.dropped = not ledger.kept[self._at]
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

    def _position(self) -> int:
        done = 0
        for batch in self.rows.batches("id"):
            ids = batch.column("id").to_pylist()
            if self.id in ids:
                return done + int(ids.index(self.id))
            done += len(ids)
        raise LookupError(self.id)

    def _left_out(self, name: str) -> str:
        if not self.dropped:
            return ""
        if name == "decontaminate" and self._overlap:
            other, share = self._overlap
            return f"dropped: overlaps with {other} ({share:.0%} of its n-grams are there)"
        return LEFT_OUT.get(name, "dropped")

    def _duplicate(self, name: str, ledger: Ledger, components: Components) -> str:
        import numpy as np

        names = components.names()
        alike = [int(i) for i in np.flatnonzero(names == names[self._at]) if i != self._at]
        if name == "near" and self.lines and not self.dropped:
            alike = [i for i in alike if ledger.searched[i]]
        if not alike:
            return ""
        what = "equal to" if name == "equal" else "near"
        if not self.dropped:
            gone = [i for i in alike if not ledger.kept[i]]
            return f"kept; {self._told(gone, ledger, 'left out for it')}" if gone else ""
        owners = [i for i in alike if ledger.kept[i]]
        if not owners:
            return f"dropped: conflicting labels; {self._told(alike, ledger, 'has the same text')}"
        first = PLACES[int(ledger.place[owners[0]])] if ledger.place[owners[0]] != POOL else ""
        given = f" of {first}" if first and ledger.place[owners[0]] != ledger.place[self._at] else ""
        return f"dropped: {what} a row{given} that is kept: {self._told(owners, ledger, '')}"

    def _told(self, others: Sequence[int], ledger: Ledger, why: str) -> str:
        """Other rows: where they are, their text, label, and how alike."""
        wanted = sorted(others)[:NAMED]
        texts = self._texts([*wanted, self._own])
        origins = self.rows.where({texts[i][0] for i in wanted})
        mine = texts[self._own][2]
        lines = []
        for i in wanted:
            id_, text, compared_by = texts[i]
            label = ledger.strata[int(ledger.stratum[i])].label
            alike = similarity(mine, compared_by)
            near = f", similarity {alike:.2f}" if alike < 1 else ""
            lines.append(f"{origins[id_]}{f' ({label})' if label else ''}{near}: {shown(text)}")
        more = f" and {len(others) - len(wanted)} more" if len(others) > len(wanted) else ""
        return f"{why + ': ' if why else ''}{'; '.join(lines)}{more}"

    @property
    def _own(self) -> int:
        assert self._at is not None
        return self._at

    def _texts(self, wanted: Sequence[int]) -> dict[int, tuple[str, str, str]]:
        """Position -> id, text for people, text that it is compared by."""
        import pyarrow as pa

        found: dict[int, tuple[str, str, str]] = {}
        done = 0
        for batch in self.rows.batches("id", "text", "target"):
            here = sorted(i for i in set(wanted) if done <= i < done + len(batch))
            if here:
                part: Any = batch.take(pa.array([i - done for i in here]))
                columns = (part.column(name).to_pylist() for name in ("id", "text", "target"))
                for i, id_, text, target, by in zip(here, *columns, compared(part, self.key), strict=True):
                    row = Row(text, target or "", "", "", POOL)
                    found[i] = id_, " | ".join(self.view.texts(row)[0]), by
            done += len(batch)
        return found


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the shingles of two texts."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a | b else 1.0
