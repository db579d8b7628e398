"""Conversations that a teacher is asked about: those of `train`, and of `transfer`, which have no answer."""

from collections.abc import Sequence

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.messages import problem, raw_text
from slmworks_torch.causal import examples

TRANSFER, SCHEMA = "transfer", "schema"


def labelled(data: Dataset) -> list[Row]:
    """The rows of `train`, with `schema` where the data have it; BadRequest as `examples.read`.

    None where `train` is empty and there is a split `transfer`.
    """
    if TRANSFER in data.splits and not data.columns("train", "id")[0]:
        return []
    return _with_schema(data, "train", examples.read(data, "train"))


def unlabelled(data: Dataset) -> list[Row]:
    """The rows of `transfer`, with an empty answer; none where the data have no such split.

    Plain text without a beginning is left out: it asks for nothing. BadRequest for roles out of order.
    """
    if TRANSFER not in data.splits:
        return []
    rows = data.rows(TRANSFER, "id", "messages")
    for row in rows:
        if found := problem(row["messages"]):
            raise BadRequest(f"the data's split '{TRANSFER}', row '{row['id']}': {found}; curate it again.")
    said = [{**row, "completion": ""} for row in _with_schema(data, TRANSFER, rows)]
    return [row for row in said if raw_text(row["messages"]) != ""]


def _with_schema(data: Dataset, split: str, rows: Sequence[Row]) -> list[Row]:
    if not data.has(split, SCHEMA):
        return list(rows)
    (schemas,) = data.columns(split, SCHEMA)
    return [{**row, SCHEMA: schema or ""} for row, schema in zip(rows, schemas, strict=True)]
