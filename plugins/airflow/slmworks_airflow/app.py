"""The pages behind the links, on Airflow's API server. Imported when that starts.

Whoever may see the task in Airflow may see them, and nobody else: Airflow itself asks nobody for a plugin's.
"""

from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import DagAccessEntity, requires_access_dag
from airflow.models.taskinstance import TaskInstance
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select

from slmworks_airflow import replies
from slmworks_airflow.asked import Asked
from slmworks_airflow.replies import Reply

PLACE = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Our pages have styles of their own, no scripts, and load nothing."""


def asked(dag_id: str, run_id: str, task_id: str, session: SessionDep) -> Asked | None:
    """The task, as Airflow knows it: two DAGs' runs can have one name in the store, so it must be there."""
    found = session.execute(
        select(TaskInstance.task_display_name, TaskInstance.operator)
        .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.task_id == task_id)
        .limit(1)
    ).first()
    return Asked(dag_id, run_id, task_id, str(found[0]), str(found[1])) if found else None


Task = Annotated[Asked | None, Depends(asked)]


def mlflow(task: Task) -> Response:
    """To the task's run in MLflow."""
    return _response(replies.mlflow(task))


def report(task: Task) -> Response:
    """What is known of the task."""
    return _response(replies.report(task))


def pages() -> FastAPI:
    """The app with both pages."""
    app = FastAPI(
        title="slmworks",
        openapi_url=None,
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))],
    )
    app.get(f"{PLACE}/mlflow")(mlflow)
    app.get(f"{PLACE}/report")(report)
    return app


def _response(reply: Reply) -> Response:
    if reply.location:
        return RedirectResponse(reply.location, 302, HEADERS)
    return HTMLResponse(reply.page, reply.status, HEADERS)
