"""What differs in how things were made: steps, plugins, options, seeds, data."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.compare.side import Side
from slmworks.contract.artifact import Dataset, Files

NOT_THERE = "—"
"""Stands where a side has no such step or option."""

Differing = list[tuple[str, list[str]]]
"""Place (`student.epochs`) -> the value of each side."""


def differing(sides: Sequence[Side]) -> Differing:
    """Every place at which not all sides have the same, in the order of the plans.

    `step` is the plugin itself, `step.option` an option (defaults count, since they are what ran),
    `step.seed` its seed, and `step: data` the digest of what a step that fetches or curates made.
    """
    found = [_settings(side) for side in sides]
    places = dict.fromkeys(place for one in found for place in one)
    rows = [(place, [one.get(place, NOT_THERE) for one in found]) for place in places]
    gone = _absent(found)
    return [
        (place, values)
        for place, values in rows
        if len(set(values)) > 1 and not (place.partition(".")[2] and place.partition(".")[0] in gone)
    ]


def _absent(found: Sequence[Mapping[str, str]]) -> set[str]:
    """Steps that a side lacks: of these the step itself is named, and not each option."""
    steps = {place for one in found for place in one if "." not in place and ":" not in place}
    return {step for step in steps if any(step not in one for one in found)}


def _settings(side: Side) -> dict[str, str]:
    found: dict[str, str] = {}
    for task in side.record.plan if side.record else ():
        step = str(task["id"]).replace(".", "/")  # a branch of a sweep is a step here
        found[step] = f"{task['stage']} {task['plugin']}"
        if task.get("seed"):
            found[f"{step}.seed"] = str(task["seed"])
        record = side.tasks.get(str(task["id"]))
        options = task.get("options") or (record.options if record else {})
        found |= {f"{step}.{name}": _written(value) for name, value in options.items()}
        made = record.manifest if record else None
        if made is not None and made.digest and made.kind in (Files.__name__, Dataset.__name__):
            found[f"{step}: data"] = made.digest[:12]
    return found


def _written(value: Any) -> str:
    if value in (None, "", [], {}):
        return NOT_THERE
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_written(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
