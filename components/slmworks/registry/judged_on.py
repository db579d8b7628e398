"""The data that a registered model was judged on, found from the gate's verdict."""

from slmworks.contract.artifact import Dataset, Report, Verdict
from slmworks.contract.errors import CorruptObject
from slmworks.contract.stage import Task


def data_of(verdict: Verdict, model: str, task: Task) -> Dataset | None:
    """The data of the report by which the gate chose a model (its digest); None where they are gone."""
    try:
        reports = [one for role, one in sorted(verdict.refs.items()) if role.startswith("report")]
        for report in (task.open(digest, Report) for digest in reports):
            if report.refs.get("model") == model and "data" in report.refs:
                return task.fetch(report, "data", Dataset)
    except (LookupError, CorruptObject):
        pass
    return None
