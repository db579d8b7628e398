"""Duplicate texts dropped, the pool split, and what overlaps with evaluation sets left out of training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slmworks.contract.stage import Task
from slmworks.contract.workers import Workers
from slmworks_text import progress
from slmworks_text.checks import (
    Loss,
    refuse_losses,
    refuse_one_class,
    refuse_rare,
    refuse_unlabelled,
)
from slmworks_text.joins.components import Components
from slmworks_text.joins.contamination import Decontamination, drop_contaminated, evaluation_sets
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.sample import Sample, sample
from slmworks_text.joins.semantic import Semantic, drop_semantic
from slmworks_text.joins.splits import assign, draw, units_of
from slmworks_text.joins.transfer import sample_transfer
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Key, Ledger, survey
from slmworks_text.memory import give_back
from slmworks_text.rows import POOL, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Schema
from slmworks_text.text_hashes import Hashes


@dataclass(frozen=True, kw_only=True)
class Joins:
    """Options of the joins."""

    shares: Mapping[str, float]
    """Split -> share of the pool, for the splits that are taken from it."""
    near: float | None
    """Jaccard similarity of near duplicates; None: they are not looked for."""
    sample: Sample | None
    """Which part of the pool is kept; None: all."""
    sampled_by: str
    """The option that says so."""
    transfer: int | None
    """The most rows of transfer text."""
    seed: int
    semantic: Semantic | None = None
    """How rows that mean the same are found; None: they are not looked for."""
    decontaminate: Decontamination | None = None
    against: Mapping[str, Iterable[str]] = field(default_factory=dict)
    """Texts of further evaluation sets, by name."""


def join_texts(
    rows: StoredRows,
    schema: Schema,
    joins: Joins,
    tally: Tally,
    losses: Sequence[Loss],
    unusable: float,
    task: Task,
    watch: Watch,
    workers: Workers | None = None,
) -> Ledger:
    """The rows that are kept, and the split of each; `workers` compare texts, if there are any."""
    classes = schema.classes
    keys = Hashes(task.scratch / "keys", width=2)
    ledger = survey(rows, keys)
    refuse_unlabelled(ledger.counts(POOL), tally, sum(loss.rows for loss in losses))
    refuse_losses(losses, unusable, tally)
    if classes:
        refuse_one_class(ledger.counts(POOL))
    components = Components(rows.size)
    drop_equal(ledger, keys, components, tally, classes=classes)
    watch.joined("equal", ledger, components)
    if joins.near is not None:
        join_near(
            rows, ledger, components,
            threshold=joins.near, scratch=task.scratch, progress=progress.near(task), workers=workers,
        )  # fmt: skip
    drop_near(ledger, components, tally)
    watch.joined("near", ledger, components)
    if joins.semantic is not None:
        drop_semantic(rows, ledger, components, joins.semantic, tally, task, watch)
    ledger.target = None  # 8 bytes a row, not needed any more
    give_back()
    split_pool(rows, ledger, components, joins, tally, watch, classes=classes)
    return ledger


def split_pool(
    rows: StoredRows,
    ledger: Ledger,
    components: Components,
    joins: Joins,
    tally: Tally,
    watch: Watch,
    *,
    classes: bool,
    key: Key | None = None,
) -> None:
    """Sample the pool, split it, and leave out of training what overlaps with evaluation sets.

    `key`: None where a row's text is what it is compared by.
    """
    draws = draw(rows, joins.seed)
    if joins.sample is not None:
        reason = f"more than {joins.sampled_by}"
        sample(rows, ledger, joins.sample, draws, tally, least=len(joins.shares), reason=reason, key=key)
        watch.joined("sample", ledger)
    if classes:
        refuse_rare(ledger.counts(POOL), len(joins.shares))
    assign(ledger, *units_of(ledger, components), draws, joins.shares)
    if joins.decontaminate is not None:
        sets = evaluation_sets(rows, ledger, joins.against, joins.decontaminate.ngram, key)
        drop_contaminated(rows, ledger, sets, joins.decontaminate, tally, watch, key)
        watch.joined("decontaminate", ledger)
    if joins.transfer is not None:
        sample_transfer(ledger, joins.transfer, tally)
        watch.joined("transfer", ledger)
