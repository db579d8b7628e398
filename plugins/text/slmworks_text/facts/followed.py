"""A curation followed for its card: what each step dropped, clusters of duplicates, examples of each reason.

Memory: a byte a row for the rows that are left, four while a join is looked at, and a few rows a reason.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks_text.facts.clusters import Clusters, beside, clusters_of
from slmworks_text.facts.seen import View
from slmworks_text.facts.shown_texts import Shown
from slmworks_text.joins.components import Components
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Ledger
from slmworks_text.rows import EXAMPLES, PLACES, POOL, Row, Tally

LOOKED_AT = 200
"""Rows that a step dropped among which examples are looked for."""
CONFLICT = "conflicting"
"""Beginning of the reason for which all rows of a text are dropped."""
CLUSTERS = ("equal", "near")
"""Joins whose clusters are shown."""


@dataclass(frozen=True)
class Example:
    """A row that a join dropped."""

    row: int
    beside: int | None = None
    """The row that stays in its place."""
    detail: str = ""


class Followed(Watch):
    """Hears of every join; `described` is its part of the card."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.clusters: dict[str, Clusters] = {}
        self.examples: dict[str, list[Example]] = {}
        self._tally = Tally()
        self._before: Counter[str] = Counter()
        self._kept: Any = None
        self._overlaps: dict[int, float] = {}
        self._texts: dict[int, tuple[str, str | None, int]] = {}

    def stored(self, rows: int, tally: Tally) -> None:
        """All rows are read and cleaned, and so many are left."""
        self._tally = tally
        self._step("rows", rows)

    def overlaps(self, row: int, name: str, share: float) -> None:
        """Keep the first of each evaluation set."""
        kept = self.examples.setdefault(f"overlaps with {name}", [])
        if len(kept) < EXAMPLES:
            kept.append(Example(row, detail=f"{share:.0%} of its n-grams are there"))

    def joined(
        self,
        name: str,
        ledger: Ledger,
        components: Components | None = None,
        _similarity: object = None,
    ) -> None:
        """Count what the join dropped, and choose examples."""
        import numpy as np

        gone = ~ledger.kept if self._kept is None else self._kept & ~ledger.kept
        self._kept = ledger.kept.copy()
        dropped = self._step(name, int(ledger.kept.sum()))
        names = components.names() if components is not None else None
        looked_at = np.flatnonzero(gone)[:LOOKED_AT].tolist()
        for reason, example in _examples_of(looked_at, ledger, names, [*dropped]):
            kept = self.examples.setdefault(reason, [])
            if len(kept) < EXAMPLES and all(example.row != one.row for one in kept):
                kept.append(example)
        if names is not None and name in CLUSTERS:
            found = clusters_of(names)
            if found.number and not self._known(found):
                self.clusters[name] = found

    def batch(self, done: int, batch: Any) -> None:
        """Keep texts that are shown, of a batch (`text`, `target`, `stratum`) that begins with row `done`."""
        import pyarrow as pa

        here = [row for row in self._wanted() if done <= row < done + len(batch)]
        if here:
            part = batch.take(pa.array([row - done for row in here]))
            columns = [part.column(name).to_pylist() for name in ("text", "target", "stratum")]
            self._texts.update(zip(here, zip(*columns, strict=True), strict=True))

    def described(self, ledger: Ledger, view: View, region: str, *, target: str = "") -> dict[str, Any]:
        """`steps`, `clusters` and `examples`; each only where there are any.

        `target`: what an example calls its row's target; empty: its texts say it already.
        """
        shown = Shown(region)
        found: dict[str, Any] = {
            "steps": self.steps,
            "clusters": {name: self._cluster(one, view, shown) for name, one in self.clusters.items()},
            "examples": self._examples(ledger, view, shown, target),
        }
        return {name: part for name, part in found.items() if part}

    def _step(self, name: str, left: int) -> Counter[str]:
        dropped = self._tally.dropped - self._before
        self._before = self._tally.dropped.copy()
        if dropped or name == "rows":
            self.steps.append({"step": name, "dropped": dict(sorted(dropped.items())), "rows": left})
        return dropped

    def _known(self, found: Clusters) -> bool:
        """True for clusters that an earlier join found, where this one added nothing."""
        return any(one.sizes == found.sizes and one.rows == found.rows for one in self.clusters.values())

    def _wanted(self) -> set[int]:
        rows = {one.row for some in self.examples.values() for one in some}
        rows |= {one.beside for some in self.examples.values() for one in some if one.beside is not None}
        return rows | {row for one in self.clusters.values() for _, some in one.largest for row in some}

    def _cluster(self, found: Clusters, view: View, shown: Shown) -> dict[str, Any]:
        return {
            "clusters": found.number,
            "rows": found.rows,
            "sizes": [list(size) for size in found.sizes],
            "largest": [
                {"rows": rows, "texts": [self._text(row, view, shown) for row in some]}
                for rows, some in found.largest
            ],
        }

    def _examples(
        self, ledger: Ledger, view: View, shown: Shown, target: str
    ) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        tally = self._tally
        for reason, texts in tally.examples.items():
            found[reason] = [{"text": shown.text(some)} for some in texts]
        for reason, first in {**tally.first, **tally.filtered}.items():
            there = found.setdefault(reason, [])
            there[:1] = [{**(there[0] if there else {}), "row": shown.text([first])}]
        for reason, examples in self.examples.items():
            found[reason] = [self._example(one, ledger, view, shown, target) for one in examples]
        return {reason: some for reason, some in sorted(found.items()) if some}

    def _example(self, one: Example, ledger: Ledger, view: View, shown: Shown, target: str) -> dict[str, str]:
        said = {
            "text": self._text(one.row, view, shown),
            "detail": one.detail,
            **self._about(one.row, ledger, shown, target),
        }
        if one.beside is not None:
            said["beside"] = self._text(one.beside, view, shown)
            about = self._about(one.beside, ledger, shown, target)
            said |= {f"beside_{name}": value for name, value in about.items()}
        return {name: value for name, value in said.items() if value}

    def _about(self, row: int, ledger: Ledger, shown: Shown, target: str) -> Mapping[str, str]:
        place = int(ledger.place[row])
        label = ledger.strata[int(ledger.stratum[row])].label
        found = {"label": label, "split": PLACES[place] if place != POOL else ""}
        return found | {target: shown.text([self._texts[row][1] or ""])} if target else found

    def _text(self, row: int, view: View, shown: Shown) -> str:
        text, target, _ = self._texts[row]
        return shown.text(view.texts(Row(text, target or "", "", "", POOL))[0])


def _examples_of(
    gone: Sequence[int], ledger: Ledger, names: Any, reasons: Sequence[str]
) -> Iterator[tuple[str, Example]]:
    """Reason and row, of those dropped rows whose reason can be told; `names` of clusters, or None."""
    alike = beside(gone, names, ledger) if names is not None and gone else {}
    for row in gone:
        stays, other = alike.get(row, (None, None))
        fitting = [*reasons] if names is None else _fitting(reasons, row, stays, ledger)
        if len(fitting) == 1:
            yield fitting[0], Example(row, other if stays is None else stays)


def _fitting(reasons: Sequence[str], row: int, owner: int | None, ledger: Ledger) -> list[str]:
    """The reasons for which a row may have been dropped, by the row that stays in its place."""
    if owner is None:
        return [reason for reason in reasons if reason.startswith(CONFLICT)]
    elsewhere = int(ledger.place[owner])
    if elsewhere == int(ledger.place[row]):
        return [
            reason for reason in reasons if not reason.endswith(" row") and not reason.startswith(CONFLICT)
        ]
    name = "labelled" if elsewhere == POOL else PLACES[elsewhere]
    return [reason for reason in reasons if reason.endswith(f" a {name} row")]
