"""The drift of a data set that was just written."""

from typing import Any

from slmworks.contract.artifact import Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_text.drift.compared import compared
from slmworks_text.drift.embedded import embedded
from slmworks_text.drift.options import Drift
from slmworks_text.drift.sketch import sketch, splits_in


def drift_of(
    options: Drift | None, data: Files, model_task: str, embedder: Model | None, task: Task
) -> dict[str, Any]:
    """`drift` of the card; nothing where it isn't asked for. BadRequest for an input that is no data set."""
    if options is None:
        return {}
    files = splits_in(data.folder(options.against))
    if not files:
        raise BadRequest(
            f"with.drift.against: the input '{options.against}' has no train.parquet, validation.parquet or "
            "test.parquet; give the folder of an earlier data set, such as STORE/objects/DIGEST/*.parquet."
        )
    sampled = options.embedded if embedder is not None else 0
    before = sketch(files, model_task, sampled=sampled, name=options.against)
    now = sketch(splits_in(task.output), model_task, sampled=sampled, beside=before)
    meaning = embedded(before, now, embedder, task) if embedder is not None else None
    return {"drift": {"against": options.against, **compared(before, now, meaning)}}
