"""Training rows of frequent labels or sources thinned out, so that they don't drown the rare ones."""

from typing import Literal, Self

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from slmworks.contract.documented import Documented
from slmworks_text.joins.splits import draw
from slmworks_text.joins.strata import groups_of, ranked
from slmworks_text.ledger import Ledger
from slmworks_text.rows import POOL, Tally
from slmworks_text.rows_on_disk import StoredRows

REASON = "more than balance"


class Balance(Documented):
    """The most training rows of one label or source; which rows stay is drawn by the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    by: Literal["label", "source"] = "label"
    """What rows are counted by."""
    most: PositiveInt | None = None
    """So many rows of one stay."""
    ratio: float | None = Field(default=None, ge=1)
    """So many times the rows of the rarest stay, rounded down; 1: as many of each."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.most is None) == (self.ratio is None):
            raise ValueError("set one limit: most: 500, or ratio: 3")
        return self


def balance(rows: StoredRows, ledger: Ledger, options: Balance, seed: int, tally: Tally) -> None:
    """Leave out rows of train above the limit; those of a smaller limit are among those of a larger."""
    import numpy as np

    train = np.flatnonzero(ledger.kept & (ledger.place == POOL))
    order, rank, sizes = ranked(groups_of(rows, ledger, options.by)[train], draw(rows, seed)[train])
    most = options.most or int((options.ratio or 1) * sizes[sizes > 0].min(initial=len(train)))
    left_out = train[order[rank >= most]]
    ledger.kept[left_out] = False
    tally.dropped[REASON] += len(left_out)
