"""The data that a registered model was judged on, found from the gate's verdict."""

from slmworks.contract.artifact import Dataset, Report, Verdict
from slmworks.contract.errors import CorruptObject
from slmworks.contract.stage import Task


def data_of(verdict: Verdict, model: str, task: Task) -> Dataset | None:
    """The data of the quality report on the model (its digest) that a gate chose; None if they are gone."""
    try:
        roles = sorted((role for role in verdict.refs if role.startswith("report")), key=_in_turn)
        for report in (task.open(verdict.refs[role], Report) for role in roles):
            judged = report.meta.get("type") == "quality" and report.refs.get("model") == model
            if judged and "data" in report.refs:  # another type's may be a view that isn't in the store
                return task.fetch(report, "data", Dataset)
    except (LookupError, CorruptObject):
        pass
    return None


def _in_turn(role: str) -> tuple[int, str]:
    """report.2 before report.10."""
    return len(role), role
