"""Rows put into groups by label, source or length, and ranked within them by a draw."""

from typing import Any, Literal

from slmworks_text.ledger import Key, Ledger, compared
from slmworks_text.rows_on_disk import StoredRows

By = Literal["label", "source", "length"]


def groups_of(rows: StoredRows, ledger: Ledger, by: By, key: Key | None = None) -> Any:
    """The number of each row's group (uint32).

    A length belongs to the group of its power of two, in characters: 64 to 127, 128 to 255. `key`: None
    where a row's text is what is measured.
    """
    import numpy as np

    if by == "length":
        return _lengths(rows, key)
    names = [stratum.label if by == "label" else stratum.source for stratum in ledger.strata]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], "uint32")[ledger.stratum]


def ranked(groups: Any, draws: Any) -> tuple[Any, Any, Any]:
    """Rows ordered by group and draw, the rank of each of them in its group, and the sizes of the groups."""
    import numpy as np

    order = np.lexsort((draws, groups))
    sizes = np.bincount(groups)
    return order, np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes), sizes


def _lengths(rows: StoredRows, key: Key | None) -> Any:
    import numpy as np

    found, done = np.empty(rows.size, "uint32"), 0
    for batch in rows.batches("text", "target"):
        sizes = [len(text).bit_length() for text in compared(batch, key)]
        found[done : (done := done + len(batch))] = sizes
    return found
