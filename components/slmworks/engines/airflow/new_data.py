"""Check for new data since an earlier run of a recipe that ended well."""

from collections.abc import Sequence
from typing import Any

from slmworks.execution.history import newest_runs
from slmworks.execution.records import RunRecord, task_record
from slmworks.recipe.plan import Plan
from slmworks.store import Store

ENDED = ("done", "refused")
"""States of a run that looked at its data to the end."""


def seen_before(store: Store, run: str, plan: Plan, fetches: Sequence[str]) -> RunRecord | None:
    """The newest earlier run that did the same with the same bytes and ended well; None if none did.

    `fetches` are the tasks that bring bytes. Options that were changed since are something new.
    """
    here, wanted = _fetched(store, run, fetches), _work([task.edge() for task in plan])
    for earlier in newest_runs(store):
        ended = earlier.run != run and earlier.recipe == plan.recipe.name and earlier.state in ENDED
        same = ended and _work(earlier.plan) == wanted
        if same and _fetched(store, earlier.run, fetches) == here:
            return earlier
    return None


def _work(edges: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The tasks up to the approval with their options, without their data."""
    words = ("id", "stage", "plugin", "inputs", "options")
    return [tuple(edge.get(word) for word in words) for edge in edges if not edge.get("after_approval")]


def _fetched(store: Store, run: str, fetches: Sequence[str]) -> dict[str, str]:
    """Fetch task -> digest of its result; '' for none."""
    records = {task: task_record(store, run, task) for task in fetches}
    return {task: one.manifest.digest if one and one.manifest else "" for task, one in records.items()}
