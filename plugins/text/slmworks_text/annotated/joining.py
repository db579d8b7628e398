"""Duplicate texts with marks dropped, and the pool split; questions about one context stay together."""

from slmworks.contract.stage import Task
from slmworks_text import progress
from slmworks_text.annotated.marks import unpacked
from slmworks_text.checks import refuse_unlabelled
from slmworks_text.joining import Joins, split_pool
from slmworks_text.joins.components import Components
from slmworks_text.joins.contexts import drop_given
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.semantic import Semantic, drop_semantic, join_semantic, note_examples
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Ledger, survey
from slmworks_text.rows import POOL, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.text_hashes import Hashes


def join_marks(
    rows: StoredRows,
    joins: Joins,
    tally: Tally,
    task: Task,
    watch: Watch,
    *,
    rows_in: int,
    asked: bool,
) -> Ledger:
    """The rows that are kept, and the split of each.

    `asked`: texts are contexts of questions. Then none is a duplicate for its context, and questions about
    equal contexts or near duplicates stay in one split.
    """
    keys = Hashes(task.scratch / "keys", width=2)
    ledger = survey(rows, keys)
    refuse_unlabelled(ledger.counts(POOL), tally, rows_in)
    components = Components(rows.size)
    drop_equal(ledger, keys, components, tally, classes=not asked)
    watch.joined("equal", ledger, components)
    if joins.near is not None:
        join_near(
            rows, ledger, components,
            threshold=joins.near, scratch=task.scratch, progress=progress.near(task),
            key=context if asked else None,
        )  # fmt: skip
    if asked:
        if joins.semantic is not None:
            join_contexts(rows, ledger, components, joins.semantic, task)
        drop_given(ledger, components, tally)
        watch.joined("contexts", ledger, components)
    else:
        ledger.target[:] = 0  # marks of texts that nearly agree differ by a character or two
        drop_near(ledger, components, tally)
        watch.joined("near", ledger, components)
        if joins.semantic is not None:
            drop_semantic(rows, ledger, components, joins.semantic, tally, task, watch)
    ledger.target = None
    split_pool(rows, ledger, components, joins, tally, watch, classes=False, key=whole_text)
    return ledger


def join_contexts(
    rows: StoredRows, ledger: Ledger, components: Components, semantic: Semantic, task: Task
) -> None:
    """Join rows whose contexts mean the same; one row of each context is compared."""
    import numpy as np

    wanted = np.zeros(rows.size, bool)
    kept = np.flatnonzero(ledger.kept)
    wanted[kept[np.unique(ledger.template[kept], return_index=True)[1]]] = True
    before = components.names()
    join_semantic(rows, components, semantic, wanted, task, context)
    moved = np.flatnonzero(components.names() != before)
    note_examples(rows, components, semantic, moved[wanted[moved]], wanted, context)


def context(packed: str, _target: str) -> str:
    """The text alone."""
    return unpacked(packed)[1]


def whole_text(packed: str, _target: str) -> str:
    """The text, behind its question where it has one."""
    question, text = unpacked(packed)
    return f"{question}\n{text}" if question else text
