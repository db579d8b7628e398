"""Contexts of questions, each in one split."""

from slmworks_text.joins.components import Components
from slmworks_text.joins.near import kept_alike
from slmworks_text.joins.ownership import keep_first_place
from slmworks_text.joins.splits import join_groups
from slmworks_text.ledger import Ledger
from slmworks_text.rows import POOL, Tally


def drop_given(ledger: Ledger, components: Components, tally: Tally) -> None:
    """Drop rows of later splits and of the pool whose context, or a near duplicate of it, a given split has.

    A context is a row's template; `components` are near duplicates.
    """
    if ledger.template is None or not (ledger.kept & (ledger.place < POOL)).any():
        return
    join_groups(ledger.template, components.names(), components)
    for alike in kept_alike(ledger, components.names()):
        if ledger.place[alike].min() < POOL:
            keep_first_place(ledger, alike, "about a context of a {} row", tally)
