"""The drift of a data set that was just written."""

from typing import Any

from slmworks.contract.artifact import Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_text.drift.compared import compared
from slmworks_text.drift.embedded import FEWEST, embedded
from slmworks_text.drift.options import Drift
from slmworks_text.drift.sketch import sketches
from slmworks_text.drift.splits import splits_in


def drift_of(
    options: Drift | None, data: Files, model_task: str, embedder: Model | None, task: Task
) -> dict[str, Any]:
    """`drift` of the card; nothing where it isn't asked for. BadRequest for an input that is no data set."""
    if options is None:
        return {}
    folder, name = data.folder(options.against), f"with.drift: {options.against}"
    if not splits_in(folder, name):
        raise BadRequest(
            f"with.drift.against: the input '{options.against}' has no train.parquet, validation.parquet or "
            "test.parquet; give the folder of an earlier data set, such as STORE/objects/DIGEST/*.parquet."
        )
    sampled = options.embedded if embedder is not None else 0
    before, now = sketches((folder, name), (task.output, "the result"), model_task, sampled=sampled)
    meaning = None
    if embedder is not None and (few := min(len(before.sample), len(now.sample))) < FEWEST:
        task.say(f"drift: meaning is not compared: {FEWEST} rows of each are needed, and one has {few}.")
    elif embedder is not None:
        meaning = embedded(before, now, embedder, task)
    return {"drift": {"against": options.against, **compared(before, now, meaning)}}
