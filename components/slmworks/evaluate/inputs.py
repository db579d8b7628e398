"""What an evaluation is given: model task, rows, baseline; BadRequest for what does not fit together."""

from collections.abc import Sequence
from typing import Any

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask, require_same_meta


def model_task_of(model: Model, data: Dataset) -> ModelTask:
    """What a model is measured for: its own model task, or the data's where it is a bare pretrained one."""
    named = model.model_task or data.model_task
    if not named:
        raise BadRequest("neither the model nor the data says what it is for; curate the data first.")
    purpose = catalog.model_task(named)
    theirs = catalog.model_task(data.model_task).name if data.model_task else purpose.name
    if theirs != purpose.name:
        raise BadRequest(
            f"the model is for {purpose.name}, the data for {theirs}; evaluate it on data of its own model "
            "task."
        )
    if model.model_task:
        require_same_meta(purpose, model, data)
    return purpose


def require_comparable(baseline: Report | None, purpose: ModelTask, splits: Sequence[str]) -> None:
    """BadRequest for a baseline that is no quality report on a model of the same model task and splits."""
    if baseline is None:
        return
    if baseline.meta.get("type") != "quality":
        raise BadRequest(
            f"the baseline is a report of type '{baseline.meta.get('type')}'; "
            "give `baseline` a step that evaluates with quality."
        )
    other = catalog.canonical(baseline.model_task)
    if other != purpose.name:
        raise BadRequest(
            f"the baseline is a report on {other}, this model is for {purpose.name}; compare models of one "
            "model task."
        )
    if missing := [split for split in splits if split not in baseline.read()["splits"]]:
        raise BadRequest(
            f"the baseline's report does not judge {missing[0]}; leave `splits` out of its evaluate step, or "
            "give this one the same."
        )


def judged_rows(purpose: ModelTask, data: Dataset, split: str) -> list[dict[str, Any]]:
    """The rows of a split with all that they are judged by; BadRequest for none, or unsound ones."""
    further = [name for name in purpose.optional if data.has(split, name)]
    rows = data.rows(split, "id", "source", *purpose.inputs, *purpose.targets, *further)
    if not rows:
        raise BadRequest(f"the data's split '{split}' has no rows; make it larger in the curate step.")
    purpose.check(data, split, rows)
    return rows
