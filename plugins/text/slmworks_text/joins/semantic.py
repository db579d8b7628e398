"""Rows that mean the same: embeddings of a model of the user's that nearly agree.

After Abbas et al., "SemDeDup: Data-efficient learning at web-scale through semantic deduplication" (2023).
Of a component of such rows one stays, as among near duplicates: the smallest by the digest of its content.
The authors keep the row farthest from a cluster's centre, which would make the choice depend on all others.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.contract.stage import Task
from slmworks_text import progress
from slmworks_text.embeddings import Embeddings
from slmworks_text.facts.shown_texts import READ, Shown
from slmworks_text.joins.components import Components
from slmworks_text.joins.near import drop_near
from slmworks_text.joins.neighbours import cosine, join_alike
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Key, Ledger, compared
from slmworks_text.rows import Tally
from slmworks_text.rows_on_disk import StoredRows

MODEL_TASK = "feature-extraction"
OPTION = "semantic_duplicates"
REASON, ACROSS = "near duplicate in meaning", "near in meaning to a {} row"
EXAMPLES = 8
"""So many dropped rows are in the card."""


@dataclass
class Semantic:
    """What is asked for, and what was found."""

    threshold: float
    """Cosine from which two texts mean the same."""
    embedder: Model
    vectors: Any = None
    """Those of `numbers`, in their order."""
    numbers: Any = None
    """The rows that were compared (uint32), ascending."""
    examples: list[dict[str, Any]] = field(default_factory=list)
    """Texts that are alike, and their cosine."""
    dropped: int | None = None
    """Rows that were dropped for it; None where alike ones are only kept together."""

    def similarity(self, one: int, other: int) -> float | None:
        """The cosine of two rows; None where one of them was not compared."""
        import numpy as np

        at = np.searchsorted(self.numbers, [one, other])
        if (at >= len(self.numbers)).any() or (self.numbers[at] != [one, other]).any():
            return None
        return float(cosine(self.vectors[at[:1]], self.vectors[at[1:]])[0, 0])

    def described(self, shown: Shown) -> dict[str, Any]:
        """What the card says."""
        examples = [
            {**one, **{name: shown.text([one[name]]) for name in ("text", "like")}} for one in self.examples
        ]
        found = {
            "threshold": self.threshold,
            "embedder": {"digest": self.embedder.digest, "format": self.embedder.format},
            "compared": len(self.numbers),
            "examples": examples,
        }
        return found if self.dropped is None else found | {"dropped": self.dropped}


def semantic_of(threshold: float | None, embedder: Model | None) -> Semantic | None:
    """What is asked for; BadRequest for a threshold without a model, or a model without a threshold."""
    if threshold is None:
        if embedder is not None:
            raise BadRequest(f"embedder: nothing asks it; set with.{OPTION}: 0.95, or leave it out of from.")
        return None
    if embedder is None:
        raise BadRequest(
            f"with.{OPTION}: give a model for {MODEL_TASK}, which says how alike texts are, as `embedder` in "
            "from."
        )
    return Semantic(threshold, embedder)


def join_semantic(
    rows: StoredRows,
    components: Components,
    semantic: Semantic,
    wanted: Any,
    task: Task,
    key: Key | None = None,
) -> None:
    """Join rows whose embeddings are alike, among those that are `wanted` (bool, an entry a row).

    `key`: None where a row's text is what it is compared by.
    """
    import numpy as np

    runtime = open_runtime(semantic.embedder, threads=task.threads, model_task=MODEL_TASK)
    found, done = Embeddings(runtime, Path(task.scratch) / "embeddings"), 0
    tell = progress.embedding(task)
    for batch in rows.batches("text", "target") if key else rows.batches("text"):
        here = wanted[done : done + len(batch)].nonzero()[0]
        found.extend(compared(batch.take(here), key))
        tell(done := done + len(batch), rows.size, "rows")
    semantic.vectors, semantic.numbers = found.matrix(), np.flatnonzero(wanted).astype("uint32")
    join_alike(
        semantic.vectors, semantic.threshold, components, semantic.numbers,
        lambda done, total: tell(done, total, "pairs"),
    )  # fmt: skip


def drop_semantic(
    rows: StoredRows,
    ledger: Ledger,
    components: Components,
    semantic: Semantic,
    tally: Tally,
    task: Task,
    watch: Watch,
    key: Key | None = None,
) -> None:
    """Drop rows that mean what another one does; rows of one text are settled already."""
    import numpy as np

    before = ledger.kept.copy()
    join_semantic(rows, components, semantic, before, task, key)
    drop_near(ledger, components, tally, reason=REASON, across=ACROSS)
    dropped = np.flatnonzero(before & ~ledger.kept)
    semantic.dropped = len(dropped)
    note_examples(rows, components, semantic, dropped, ledger.kept, key)
    watch.joined("semantic", ledger, components, semantic.similarity)


def note_examples(
    rows: StoredRows, components: Components, semantic: Semantic, shown: Any, among: Any, key: Key | None
) -> None:
    """Keep the first of some rows (their positions) with the row that is most like each.

    `among`: True for each row that it is looked for among.
    """
    import numpy as np

    names = components.names()
    pairs: list[tuple[int, int, float]] = []
    for row in shown[:EXAMPLES].tolist():
        alike = np.flatnonzero(among & (names == names[row])).tolist()
        known = [
            (near, -other)
            for other in alike
            if other != row and (near := semantic.similarity(row, other)) is not None
        ]
        if known:
            near, other = max(known)
            pairs.append((row, -other, near))
    texts = _texts(rows, {place for row, other, _ in pairs for place in (row, other)}, key)
    semantic.examples += [
        {"text": texts[row], "like": texts[other], "cosine": round(near, 4)} for row, other, near in pairs
    ]


def _texts(rows: StoredRows, wanted: set[int], key: Key | None) -> dict[int, str]:
    import pyarrow as pa

    found: dict[int, str] = {}
    done = 0
    for batch in rows.batches("text", "target"):
        here = sorted(place for place in wanted if done <= place < done + len(batch))
        texts = compared(batch.take(pa.array([place - done for place in here], "uint32")), key)
        found |= {place: text[:READ] for place, text in zip(here, texts, strict=True)}
        done += len(batch)
    return found
