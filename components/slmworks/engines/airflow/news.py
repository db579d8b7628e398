"""Whether anything that a recipe fetches is new since a run of it that ended well."""

from collections.abc import Sequence

from slmworks.lineage.records import RunRecord, run_ids, run_record, task_records
from slmworks.store import Store

ENDED = ("done", "refused")
"""States of a run that looked at its data to the end."""


def seen_before(store: Store, run: str, recipe: str, fetches: Sequence[str]) -> RunRecord | None:
    """The newest earlier run of the recipe that fetched the same bytes and ended well; None if none did."""
    here = _fetched(store, run, fetches)
    records = [record for record in (run_record(store, one) for one in run_ids(store)) if record]
    for earlier in sorted(records, key=lambda one: one.started, reverse=True):
        ended = earlier.run != run and earlier.recipe == recipe and earlier.state in ENDED
        if ended and _fetched(store, earlier.run, fetches) == here:
            return earlier
    return None


def _fetched(store: Store, run: str, fetches: Sequence[str]) -> dict[str, str]:
    """Fetch task -> digest of what it brought; '' where it brought nothing."""
    found = {task.task: task.manifest for task in task_records(store, run) if task.task in fetches}
    return {task: made.digest if made else "" for task, made in found.items()}
