"""Conversations that cannot be split or learnt from, refused in one line; and what may not be meant."""

from collections.abc import Mapping

from slmworks.contract.errors import BadRequest
from slmworks_text.checks import Counts, first_of_each, reasons
from slmworks_text.conversations.reading import ChatTally
from slmworks_text.ledger import Ledger
from slmworks_text.rows import PLACES, POOL, TRANSFER
from slmworks_text.rows_on_disk import StoredRows


def refuse_no_rows(rows: StoredRows, tally: ChatTally, rows_in: int) -> None:
    """BadRequest where no row is left."""
    if not rows.size:
        raise BadRequest(
            f"no conversation to train on: {rows_in} rows read {reasons(tally)}; check what was fetched."
        )


def refuse_empty_splits(counts: Mapping[str, Counts], ledger: Ledger, tally: ChatTally) -> None:
    """BadRequest where train, validation or test would have no row; the largest template is named."""
    rows = sum(sum(found.values()) for found in counts.values())
    for split in ("train", "validation", "test"):
        if not counts[split]:
            raise BadRequest(
                f"the split '{split}' would be empty: {rows} rows are left {reasons(tally)}; give more rows, "
                f"or fewer and smaller groups.{_templates(ledger)}"
            )


def _templates(ledger: Ledger) -> str:
    import numpy as np

    if ledger.template is None:
        return ""
    kept = ledger.template[ledger.kept & (ledger.place != TRANSFER) & (ledger.template != 0)]
    sizes = np.unique(kept, return_counts=True)[1]
    if not len(sizes) or sizes.max() < 2:
        return ""
    return (
        f" One template makes {sizes.max():,} of them, which stay together: name a template column with "
        "template, or set keep_templates: false."
    )


def warnings_of(tally: ChatTally, ledger: Ledger) -> list[str]:
    """What may not be meant as it is: the first bad row of each kind, and templates that splits share."""
    return first_of_each(tally) + _shared_templates(ledger)


def _shared_templates(ledger: Ledger) -> list[str]:
    """Only splits that were given can share one."""
    import numpy as np

    if ledger.template is None:
        return []
    known = ledger.kept & (ledger.template != 0)
    train = ledger.template[known & (ledger.place == POOL)]
    found = []
    for split in ("validation", "test"):
        here = ledger.template[known & (ledger.place == PLACES.index(split))]
        if shared := int(np.isin(here, train).sum()):
            found.append(f"{shared:,} of {len(here):,} rows of {split} are of a template that train has too")
    return found
