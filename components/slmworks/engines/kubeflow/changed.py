"""What a person changed in the form of a run, by the records of its tasks: what ran is what is believed."""

from collections.abc import Iterator, Mapping
from typing import Any

from slmworks.contract.catalog import traits
from slmworks.execution.records import TaskRecord, task_records
from slmworks.recipe.edited import SEED, noted
from slmworks.store import Store


def as_it_ran(store: Store, run: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """A compiled plan's record with the options that its tasks ran with.

    The changes are in its text and its `edits`, as those of a form are on Airflow.
    """
    ran = {record.task: record for record in task_records(store, run)}
    edges, edits = list[dict[str, Any]](), dict[tuple[str, str], dict[str, Any]]()
    for edge in plan["plan"]:
        found = {} if edge["id"] not in ran else dict(_differences(edge, ran[edge["id"]]))
        for option, (was, now) in found.items():
            gate = traits(edge["stage"]).decides
            edit = {"step": edge["step"], "option": option, "was": was, "now": now, "gate": gate}
            edits.setdefault((edge["step"], option), edit)
        edges.append(_with(edge, {option: now for option, (_, now) in found.items()}))
    if not edits:
        return dict(plan)
    before = {(edit["step"], edit["option"]): edit for edit in plan.get("edits", [])}
    for where, edit in edits.items():
        before[where] = {**edit, "was": before.get(where, edit)["was"]}
    said = "Changed in the form of this run:"
    changes = ((step, option, edit["now"]) for (step, option), edit in edits.items())
    return {
        **plan,
        "plan": edges,
        "text": noted(plan["text"], changes, said),
        "edits": list(before.values()),
    }


def _differences(edge: Mapping[str, Any], record: TaskRecord) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Option -> what it was and is; nothing of a task that failed before its options were known."""
    for option, now in record.options.items():
        was = edge.get("options", {}).get(option)
        if was != now:
            yield option, (was, now)
    seed = edge.get(SEED, 0)
    if record.options and record.seed != seed:
        yield SEED, (seed, record.seed)


def _with(edge: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A task of the plan with other options; its seed, where no option has this name."""
    options = edge.get("options", {})
    word = {SEED: changes[SEED]} if SEED in changes and SEED not in options else {}
    return {**edge, **word, "options": {**options, **{k: v for k, v in changes.items() if k not in word}}}
