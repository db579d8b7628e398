"""What our records are as MLflow's entities: tags, parameters, metrics, descriptions."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from slmworks.contract.errors import first_line
from slmworks.contract.manifest import Manifest
from slmworks.contract.plain_text import visible
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.lineage.ancestry import relation
from slmworks.packet.markdown_text import code, cut, escaped, table

DIGEST = "slmworks.digest"
"""Tag of a task: the digest of what it made."""
LONGEST_NAME = 250
"""Characters of the name of a parameter or a metric."""
LONGEST = 5000
"""Characters of a tag or a description: MLflow's columns hold no more, and Postgres refuses a longer one."""
_PARAM_LENGTH = 6000


def pairs_of(task: TaskRecord) -> Iterator[tuple[str, str]]:
    """(port, digest) of everything a task was given."""
    for port, digests in task.inputs.items():
        for digest in digests:
            yield port, digest


def kind_of(task: TaskRecord) -> str:
    """Kind of the artifact that a task made; empty for none."""
    return task.manifest.kind if task.manifest else ""


def about_of(task: TaskRecord) -> dict[str, str]:
    """Tags that say what the task was and what it was made from."""
    tags = {
        "slmworks.plugin": f"{task.stage} {task.plugin}",
        "slmworks.stage": task.stage,
        "slmworks.state": task.state,
        "slmworks.cached": "yes" if task.cached else "no",
        "slmworks.fingerprint": task.fingerprint,
        "slmworks.host": task.host,
    }
    if task.manifest:
        tags |= {DIGEST: task.manifest.digest, "slmworks.kind": task.manifest.kind}
        tags |= {f"slmworks.shared.{name}": digest for name, digest in task.manifest.shared.items()}
        tags |= {f"slmworks.ledger.{name}": identity for name, identity in task.manifest.ledgers.items()}
    if task.error:
        tags["slmworks.error"] = task.error
    for port, digests in task.inputs.items():
        joined = " ".join(digests)
        tags[f"input.{port}"] = joined
        tags[relation(task.stage, port)] = joined  # without a prefix: MLflow's page cuts long names
    return tags


def tags_of(values: Mapping[str, str]) -> list[Any]:
    """The values as tags, without empty ones."""
    from mlflow.entities import RunTag

    return [RunTag(key, visible(value)[:LONGEST]) for key, value in values.items() if value]


def params_of(options: Mapping[str, Any], known: Any) -> list[Any]:
    """Options as parameters. MLflow's can't be changed, so those that are there already stay out."""
    from mlflow.entities import Param

    there = known.data.params if known else {}
    return [
        Param(
            name,
            visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[
                :_PARAM_LENGTH
            ],
        )
        for name, value in options.items()
        if name not in there
    ]


def seed_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """A planned task's seed as an option, where it has one."""
    return {"seed": task["seed"]} if task.get("seed") else {}


def curves_of(task: TaskRecord) -> Iterator[Any]:
    """Every point of a task's curves."""
    from mlflow.entities import Metric

    for point in task.metrics:
        for name, value in point.items():
            if name not in ("step", "time"):
                yield Metric(mlflow_name(name), float(value), round(point["time"] * 1000), int(point["step"]))


def summary_of(task: TaskRecord, prefix: str = "") -> Iterator[Any]:
    """The numbers of the summary, the size and the time taken, as metrics without a curve."""
    from mlflow.entities import Metric

    if task.manifest is None:
        return
    drawn = {name for point in task.metrics for name in point}
    numbers = {
        "seconds": task.manifest.seconds,
        "bytes": task.manifest.size,
        **dict(numbers_of(task.manifest)),
    }
    for name, value in numbers.items():
        if name not in drawn:
            yield Metric(mlflow_name(prefix + name), float(value), milliseconds(task.ended), 0)


def numbers_of(manifest: Manifest | None) -> Iterator[tuple[str, float]]:
    """Every finite number in a manifest's summary, nested names joined by '/'."""

    def walk(value: Any, name: str) -> Iterator[tuple[str, float]]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from walk(inner, f"{name}/{key}" if name else str(key))
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield name, value

    yield from walk(manifest.summary if manifest else {}, "")


def mlflow_name(name: str) -> str:
    """A name as MLflow allows it: letters, digits, '_', '-', '.', ' ', ':' and '/'."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:LONGEST_NAME]


def note_of(run: RunRecord, tasks: Iterable[TaskRecord]) -> str:
    """The description on the run's page: every task in the order of the plan."""
    ended = {task.task: task for task in tasks}
    rows = []
    for planned in run.plan:
        task = ended.get(planned["id"])
        made = task.manifest if task else None
        result = code(made.digest[:12]) if made else escaped(first_line(task.error) if task else "", 300)
        seconds = f"{made.seconds:.1f}" if made else ""
        named = f"{planned['stage']} {planned['plugin']}"
        rows.append((planned["id"], named, task.state if task else "waits", seconds, result))
    drawn = table(("task", "plugin", "state", "seconds", "result"), rows)
    rest = f"… All of it: {code(f'slmworks runs {run.run}')}"
    return cut(f"Recipe **{escaped(run.recipe)}** · {escaped(run.state)}\n\n{drawn}", LONGEST, rest)


def milliseconds(when: str) -> int:
    """An ISO 8601 time as milliseconds since 1970."""
    return round(datetime.fromisoformat(when).timestamp() * 1000)
