"""Which task of which run a page is about: as Airflow calls it, and as the store does."""

from dataclasses import dataclass

from slmworks.engines.airflow.report_page import task_path

OURS = frozenset({"ReviewOperator", "RecordOperator", "NewDataOperator"})
"""Operators of tasks that no recipe names, so that the store has no record of them."""


@dataclass(frozen=True)
class Asked:
    """A task instance; what a request names is looked up in Airflow before it gets here."""

    dag: str
    run: str
    task: str
    planned: str = ""
    """The task's id in the plan, which is the name that Airflow shows."""
    operator: str = ""

    @property
    def path(self) -> str:
        """Where the task is below Airflow's address, and its pages below ours."""
        return task_path(self.dag, self.run, self.task)

    @property
    def kept_as(self) -> str:
        """The run's name in the store."""
        from slmworks.engines.airflow.line import run_name

        return run_name(self.dag, self.run)

    @property
    def is_ours(self) -> bool:
        """Whether it is a task that we add to each DAG."""
        from slmworks.engines.airflow.build import CLOSE

        return self.operator in OURS or self.task == CLOSE or self.task.endswith(f".{CLOSE}")
