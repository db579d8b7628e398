"""The example that a release ships: a row that the recipe writes, or names among the curated ones.

Nobody's data leaves in a release by default. The author says which row may: its words, or the id of one row
of the split `validation`. There is no "first one": that of the next run would be a row that nobody has seen.
"""

from collections.abc import Mapping
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.model_task import ModelTask, Row
from slmworks.registry.declared import require_row

SPLIT = "validation"


def written(task: ModelTask, row: Mapping[str, Any]) -> Row:
    """The row of the option `example`; BadRequest where it is no row of the model task."""
    require_row(task, row, "register's `example`")
    return {name: row[name] for name in task.inputs}


def named(task: ModelTask, data: Dataset | None, wanted: str) -> Row:
    """The row with this id as curated, with what `curate` redacted. BadRequest if there is none."""
    if data is None:
        raise BadRequest(
            "register's `example_row` needs the data that the model was judged on, and these are not in the "
            "store any more; write the row itself: example: {…}."
        )
    known = data.columns(SPLIT, "id")[0] if SPLIT in data.splits else []
    if wanted not in known:
        raise BadRequest(
            f"register's `example_row`: no row '{wanted}' in the split {SPLIT}. "
            f"{did_you_mean(wanted, [str(one) for one in known[:1000]])} Or write the row: example: {{…}}."
        )
    rows = data.rows(SPLIT, *task.inputs)
    return dict(rows[known.index(wanted)])
