"""The buttons on a task's page in Airflow. They are addresses of our own pages, worked out from names alone.

Airflow makes them for a whole page at once, and one that failed would take all others with it.
"""

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink

from slmworks.engines.airflow.report_page import PREFIX
from slmworks_airflow.asked import Asked

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey

OPERATORS = {
    "slmworks.engines.airflow.operators": (
        "ProcessOperator",
        "ReviewOperator",
        "RecordOperator",
        "NewDataOperator",
    ),
    "slmworks.engines.airflow.pods": ("PodOperator",),
}
"""Module -> the operators that get links."""


def called() -> list[type]:
    """A class by the name of each operator: Airflow compares name and module, and nothing else.

    The real ones would bring Kubernetes' client (0.6 s, 70 MB) into every API server, if it is there at all.
    """
    return [type(name, (), {"__module__": module}) for module, names in OPERATORS.items() for name in names]


class _Link(BaseOperatorLink):  # type: ignore[misc]
    operators: ClassVar[list[type]] = called()
    page: ClassVar[str]

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        """The page's path on Airflow's own host."""
        from airflow.configuration import conf

        root = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        asked = Asked(ti_key.dag_id, ti_key.run_id, ti_key.task_id)
        return f"{root}{PREFIX}/{asked.path}/{self.page}"


class MLflowLink(_Link):
    """To the task's run in MLflow."""

    name = "MLflow"
    page = "mlflow"


class ReportLink(_Link):
    """To what is known of the task, or the packet that a reviewer reads."""

    name = "Report"
    page = "report"
