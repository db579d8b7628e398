"""A sample of the pool, for a first try."""

from typing import Any

from slmworks_text.ledger import Ledger
from slmworks_text.rows import Tally


def sample_pool(ledger: Ledger, rows: int, draws: Any, tally: Tally, *, each: int) -> None:
    """Keep at most `rows` rows of the pool, its labels in about the shares that they have.

    Rows go in the order of `draws` (a number a row), so that a larger sample holds a smaller one. `each`:
    rows of every label that come first, so that a rare one isn't lost.
    """
    import numpy as np

    pool = ledger.pool
    if len(pool) <= rows:
        return
    number = {label: i for i, label in enumerate(dict.fromkeys(one.label for one in ledger.strata))}
    label = np.array([number[one.label] for one in ledger.strata], "uint32")[ledger.stratum[pool]]
    order = np.lexsort((draws[pool], label))
    sizes = np.bincount(label)
    rank = np.arange(len(pool)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    turn = np.where(rank < each, -1.0, (rank + 0.5) / np.repeat(sizes, sizes))
    chosen = np.lexsort((draws[pool[order]], turn))[rows:]
    ledger.kept[pool[order[chosen]]] = False
    tally.dropped["more than rows"] += len(chosen)
