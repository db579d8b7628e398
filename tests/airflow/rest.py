"""Airflow's REST API as a person's browser speaks to it, for the tests."""

import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""States of a task, and of a run, that stay."""


class Rest:
    """The API, for one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        token = self.client.post("/auth/token", json={"username": user, "password": password})
        token.raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def get(self, path: str, **params: Any) -> Any:
        """An answer of version 2."""
        found = self.client.get(f"/api/v2/{path}", params=params)
        found.raise_for_status()
        return found.json()

    # --- runs ----------------------------------------------------------------------------------------

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run; its id."""
        made = self.client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})
        assert made.status_code == 200, made.text
        return made.json()["dag_run_id"]

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """A run."""
        return self.get(f"dags/{dag}/dagRuns/{run}")

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """All runs of a DAG, the oldest first."""
        return self.get(f"dags/{dag}/dagRuns", order_by="run_after")["dag_runs"]

    def wait_run(self, dag: str, run: str, seconds: float = 300) -> str:
        """Until a run is over; its state."""
        return until(lambda: self.run(dag, run)["state"], OVER, f"{dag} {run}", seconds)

    # --- tasks ---------------------------------------------------------------------------------------

    def states(self, dag: str, run: str) -> dict[str, str | None]:
        """Task -> state."""
        return {task["task_id"]: task["state"] for task in self.tasks(dag, run)}

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        return self.get(f"dags/{dag}/dagRuns/{run}/taskInstances", limit=100)["task_instances"]

    def wait_task(self, dag: str, run: str, task: str, *states: str, seconds: float = 300) -> str:
        """Until a task is in one of these states; which one. An end that isn't wanted ends the wait."""
        path = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}"
        state = until(lambda: self.get(path)["state"], {*states, *OVER}, f"{dag} {run} {task}", seconds)
        assert state in states, f"{task} is {state}: {self.log(dag, run, task)[-3000:]}"
        return state

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        """What a task said."""
        path = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}"
        return "\n".join(_told(line) for line in self.get(path, full_content=True)["content"])

    def links(self, dag: str, run: str, task: str) -> dict[str, str | None]:
        """The buttons of a task."""
        return self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/links")["extra_links"]

    # --- questions -----------------------------------------------------------------------------------

    def wait_asked(
        self, dag: str, run: str, task: str = "approve.ask", seconds: float = 300
    ) -> dict[str, Any]:
        """Until a person is asked; the question.

        Airflow 3.3 takes an answer for the task's crash, and asks again, when it comes before the scheduler
        has heard that the worker is done with it. That takes the worker's heartbeat and one of its loops.
        """
        self.wait_task(dag, run, task, "awaiting_input", seconds=seconds)
        time.sleep(3)
        return self.asked(dag, run, task)

    def asked(self, dag: str, run: str, task: str) -> dict[str, Any]:
        """The question that a task asked."""
        return self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails")

    def answer(
        self, dag: str, run: str, option: str, reason: str | None, task: str = "approve.ask"
    ) -> httpx.Response:
        """Answer it as this user."""
        return self.client.patch(
            f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails",
            json={"chosen_options": [option], "params_input": {"reason": reason}},
        )

    # --- beside --------------------------------------------------------------------------------------

    def events(self) -> list[dict[str, Any]]:
        """The events of all assets, the oldest first."""
        return self.get("assets/events", order_by="timestamp")["asset_events"]

    def import_errors(self) -> dict[str, str]:
        """File -> traceback."""
        found = self.get("importErrors", limit=100)["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in found}


def _told(line: Any) -> str:
    """A line of a log with the errors that it is about."""
    if not isinstance(line, dict):
        return str(line)
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in line.get("error_detail") or ()]
    return "\n".join([line["event"], *errors])


def until(
    look: Callable[[], T], wanted: Collection[T] | Callable[[T], bool], what: str, seconds: float = 60
) -> T:
    """Look again and again until that is seen."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if wanted(seen) if callable(wanted) else seen in wanted:
            return seen
        assert time.monotonic() < deadline, f"{what}: still {seen} after {seconds:.0f} s"
        time.sleep(0.3)
