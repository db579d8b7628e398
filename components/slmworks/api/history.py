"""`slmworks.runs`: the runs of a store as a table."""

import contextlib
from collections.abc import Mapping
from html import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.contract.errors import SlmworksError

if TYPE_CHECKING:
    from slmworks.store import Store

COLUMNS = ("run", "engine", "recipe", "state", "started", "by")
LAST = 30


class Table(list[Mapping[str, str]]):
    """Rows by column, drawn by notebooks; `pandas.DataFrame(table)` takes it as it is."""

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(row[name])}</td>' for name in COLUMNS)}</tr>" for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def runs(*, store: "str | Path | Store" = ".slmworks", last: int = LAST) -> Table:
    """The latest runs of a store, newest first: `run`, `engine`, `recipe`, `state`, `started`, `by`.

    A run of this machine whose engine was killed is closed first: its state is then `killed`.
    """
    from slmworks.execution.history import newest_runs
    from slmworks.lineage.liveness import close_dead
    from slmworks.store import open_store

    opened = open_store(str(store)) if isinstance(store, (str, Path)) else store
    with contextlib.suppress(SlmworksError, OSError):  # who may only read sees runs as they were left
        close_dead(opened)
    return Table(
        {
            "run": one.run,
            "engine": one.engine,
            "recipe": one.recipe,
            "state": one.state,
            "started": one.started,
            "by": one.user,
        }
        for one in islice(newest_runs(opened), last)
    )
