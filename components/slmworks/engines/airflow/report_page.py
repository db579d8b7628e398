"""Address of a task's report on Airflow's own host, where the distribution slmworks-airflow shows one.

Nothing of Airflow is imported here.
"""

from importlib.metadata import entry_points
from urllib.parse import quote

PREFIX = "/slmworks"
"""Below this, on Airflow's API server, lie our pages."""


def task_path(dag: str, run: str, task: str) -> str:
    """Path of a task below Airflow's address, and of its pages below `PREFIX`."""
    dag, run, task = (quote(name, safe="") for name in (dag, run, task))
    return f"dags/{dag}/runs/{run}/tasks/{task}"


def report_path(root: str, dag: str, run: str, task: str) -> str:
    """Path of the reviewer's page on Airflow's host; empty where nothing is installed that shows it.

    `root`: the path under which Airflow itself is shown, without a slash at its end.
    """
    if not any(one.name == "slmworks" for one in entry_points(group="airflow.plugins")):
        return ""
    return f"{root}{PREFIX}/{task_path(dag, run, task)}/report"
