"""A sample of the pool, before splits are taken from it."""

from typing import Any, Self

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from slmworks.contract.documented import Documented
from slmworks_text.joins.splits import draw
from slmworks_text.joins.strata import By, groups_of, ranked
from slmworks_text.ledger import Key, Ledger
from slmworks_text.rows import Tally
from slmworks_text.rows_on_disk import StoredRows


class Sample(Documented):
    """Part of the pool, drawn by a seed within each label, source or length; a larger holds a smaller."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    by: By = "label"
    """What rows are grouped by. A length, in characters, belongs to the group of its power of two: 64 to 127,
    128 to 255."""
    rows: PositiveInt | None = None
    """So many rows of all, the groups in about the shares that they have."""
    each: PositiveInt | None = None
    """So many rows of each group."""
    share: float | None = Field(default=None, gt=0, lt=1)
    """This share of each group, rounded up, and no fewer rows than splits are taken from the pool."""
    seed: int | None = None
    """Draws the rows; default: the seed of the step."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if [self.rows, self.each, self.share].count(None) != 2:
            raise ValueError("set one size: rows: 5000, each: 500 or share: 0.1")
        return self


def sample(
    rows: StoredRows,
    ledger: Ledger,
    options: Sample,
    draws: Any,
    tally: Tally,
    *,
    least: int,
    reason: str,
    key: Key | None = None,
) -> None:
    """Keep a sample of the pool; `draws` (a number a row) are those of the step's seed.

    `least`: rows of every group that come first where groups are kept in their shares, so that a rare one
    isn't lost. `key`: None where a row's text is what is measured.
    """
    import numpy as np

    pool = ledger.pool
    if options.rows is not None and len(pool) <= options.rows:
        return
    draws = (draws if options.seed is None else draw(rows, options.seed))[pool]
    order, rank, sizes = ranked(groups_of(rows, ledger, options.by, key)[pool], draws)
    if options.rows is not None:
        turn = np.where(rank < least, -1.0, (rank + 0.5) / np.repeat(sizes, sizes))
        out = order[np.lexsort((draws[order], turn))[options.rows :]]
    else:
        share = np.ceil(np.round(sizes * (options.share or 1), 9)).astype("int64")
        most = np.full(len(sizes), options.each) if options.each else np.maximum(share, least)
        out = order[rank >= np.repeat(most, sizes)]
    ledger.kept[pool[out]] = False
    tally.dropped[reason] += len(out)
