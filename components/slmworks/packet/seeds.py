"""Mean and spread of quality over the seeds of a sweep, from a run's plan and what its tasks made."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract import catalog
from slmworks.contract.errors import SlmworksError
from slmworks.numbers import figures

if TYPE_CHECKING:
    from slmworks.contract.manifest import Manifest

KEPT = "kept"
Edge = Mapping[str, Any]
"""A task as a run's plan keeps it."""


def over_seeds(plan: Sequence[Edge], made: Mapping[str, "Manifest | None"]) -> list[str]:
    """A sentence for each model that differs by its seed only: mean ± standard deviation, and the range.

    Empty where no sweep is over seeds alone: other variants are candidates, and have a row each.
    """
    seeded = dict(_seeded(plan))
    groups: dict[tuple[str, tuple[str, ...]], list[Manifest]] = {}
    for task in plan:
        found, manifest = task.get("coordinates", {}), made.get(task["id"])
        swept = [step for step in found if step in seeded]
        if not swept or manifest is None or manifest.meta.get("type") != "quality":
            continue
        others = tuple(value for step, value in found.items() if step not in seeded)
        groups.setdefault((str(task["step"]), others), []).append(manifest)
    return [
        sentence
        for (step, others), some in groups.items()
        if len(some) > 1 and (sentence := _sentence(" ".join([step, *others]), seeded, some))
    ]


def _seeded(plan: Sequence[Edge]) -> Iterator[tuple[str, list[int]]]:
    """Steps whose variants differ by their seed only, and the seeds."""
    for step in dict.fromkeys(task["step"] for task in plan):
        variants = {
            task["coordinates"][step]: task
            for task in plan
            if task["step"] == step and step in task.get("coordinates", {})
        }
        seeds = [int(task.get("seed", 0)) for task in variants.values()]
        same = {(task["plugin"], str(task.get("options"))) for task in variants.values()}
        if len(seeds) > 1 and len(set(seeds)) == len(seeds) and len(same) == 1:
            yield str(step), seeds


def _sentence(name: str, seeded: Mapping[str, Sequence[int]], found: Sequence["Manifest"]) -> str:
    try:
        measures = catalog.model_task(str(found[0].meta["task"])).measures
    except (SlmworksError, ImportError, KeyError):  # not installed (any more)
        return ""
    written = {**{one.name: (one.title, one.written) for one in measures[:1]}, KEPT: (KEPT, figures.percent)}
    parts = []
    for key, (title, words) in written.items():
        values = [float(one.summary[key]) for one in found if key in one.summary]
        if len(values) == len(found):
            spread = words(statistics.stdev(values))
            parts.append(
                f"{title} {words(statistics.mean(values))} ± {spread} "
                f"({words(min(values))} to {words(max(values))})"
            )
    seeds = "; ".join(f"{step} {', '.join(map(str, some))}" for step, some in seeded.items())
    return f"{name}, {len(found)} seeds ({seeds}): {' · '.join(parts)}" if parts else ""
