"""Kubeflow Pipelines' API in the few calls that we make; every error is one line.

`kfp.Client` waits for ever on a cancelled run and takes half a minute to say that a token is wrong, so here
the server's health is checked first, and waiting is our own.
"""

import contextlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed, first_line
from slmworks.engines.settings import Kubeflow
from slmworks.fetch.url import refuse_credentials

IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
ACCOUNT_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - a path
"""Where a pod finds the token of its account for Kubeflow Pipelines."""
OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"})
"""States of a run that won't change any more."""
PATIENCE = 30.0
"""Seconds for one request."""


@dataclass(frozen=True)
class RunState:
    """State of a run and of its tasks."""

    state: str
    """Kubeflow's state: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELING, CANCELED, …"""
    tasks: Mapping[str, str] = field(default_factory=dict)
    """Name of a task, as Kubeflow shows it -> its state; only those that began."""
    error: str = ""

    @property
    def over(self) -> bool:
        """True if it has ended."""
        return self.state in OVER


@dataclass(frozen=True)
class Pipelines:
    """One server of Kubeflow Pipelines."""

    host: str
    settings: Kubeflow
    api: Any
    """`kfp.Client`."""

    @classmethod
    def connect(cls, settings: Kubeflow, host: str | None = None) -> Self:
        """Find the server and the token, and check them; BadRequest names the one that is wrong."""
        found = host or settings.host or os.environ.get("KF_PIPELINES_ENDPOINT")
        if not found and "KUBERNETES_SERVICE_HOST" in os.environ:
            found = IN_CLUSTER
        if not found:
            raise BadRequest(
                "no Kubeflow: give --host, or add  kubeflow: {host: https://…}  to the engine file."
            )
        refuse_credentials(found)
        found = found.rstrip("/")
        token, credentials = _token()
        _check(found, token)
        import kfp

        with warnings.catch_warnings(), _one_line(found):
            warnings.simplefilter("ignore")
            api = kfp.Client(
                host=found,
                existing_token=token or None,
                credentials=credentials,
                **({"namespace": settings.namespace} if settings.namespace else {}),
            )
        return cls(found, settings, api)

    def submit(self, name: str, text: str, parameters: Mapping[str, str], experiment: str = "") -> str:
        """Start a compiled pipeline; returns the run's id."""
        with _one_line(self.host), _file(text) as package:
            made = self.api.run_pipeline(
                experiment_id=self._experiment(experiment),
                job_name=name,
                pipeline_package_path=package,
                params=dict(parameters),
                service_account=self.settings.service_account,
            )
        return str(made.run_id)

    def schedule(self, name: str, text: str, cron: str, experiment: str = "") -> str:
        """Run a compiled pipeline again and again; returns the schedule's id. `cron` has six fields."""
        with _one_line(self.host), _file(text) as package:
            made = self.api.create_recurring_run(
                experiment_id=self._experiment(experiment),
                job_name=name,
                pipeline_package_path=package,
                cron_expression=cron,
                service_account=self.settings.service_account,
                no_catchup=True,
            )
        return str(made.recurring_run_id)

    def state(self, run: str) -> RunState:
        """State of a run; BadRequest if the server doesn't know it."""
        with _one_line(self.host, f"run {run}"):
            found = self.api.get_run(run)
        details = found.run_details.task_details if found.run_details else None
        tasks = {str(one.display_name): str(one.state) for one in details or [] if one.state}
        error = found.error.message if found.error else ""
        return RunState(str(found.state or "PENDING"), tasks, error or "")

    def cancel(self, name: str) -> str:
        """Stop a run, or end a schedule for good; returns which it was."""
        with contextlib.suppress(_Unknown):
            with _one_line(self.host, f"run {name}"):
                self.api.get_run(name)
                self.api.terminate_run(name)
            return "run"
        with _one_line(self.host, f"run or schedule {name}"):
            self.api.get_recurring_run(name)
            self.api.delete_recurring_run(name)
        return "schedule"

    def page(self, run: str) -> str:
        """Address of a run's page."""
        return f"{self.host}/#/runs/details/{run}"

    def _experiment(self, name: str) -> str:
        wanted = name or self.settings.experiment
        return str(self.api.create_experiment(wanted, namespace=self.settings.namespace).experiment_id)


class _Unknown(BadRequest):
    """The server knows no such thing."""


def _token() -> tuple[str, Any]:
    """The token that was given, or the credentials of the pod's account (which renew themselves)."""
    if token := os.environ.get("KUBEFLOW_TOKEN", ""):
        return token, None
    path = Path(os.environ.get("KF_PIPELINES_SA_TOKEN_PATH", ACCOUNT_TOKEN))
    if not path.is_file():
        return "", None
    from kfp.client import ServiceAccountTokenVolumeCredentials

    return path.read_text(encoding="utf-8").strip(), ServiceAccountTokenVolumeCredentials(path=str(path))


def _check(host: str, token: str) -> None:
    """BadRequest or TaskFailed unless Kubeflow's API answers there and lets us in."""
    import urllib3

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with _one_line(host), urllib3.PoolManager() as pool:
        found = pool.request(
            "GET", f"{host}/apis/v2beta1/healthz", headers=headers, timeout=PATIENCE, retries=False
        )
    if found.status in (401, 403):
        raise _refused(host, found.status)
    if found.status != 200 or "json" not in found.headers.get("content-type", ""):
        raise BadRequest(
            f"{host}: is not the API of Kubeflow Pipelines (its health page answers {found.status}); "
            "check the address, and whether a login stands before it (KUBEFLOW_TOKEN)."
        )


def _refused(host: str, status: int) -> BadRequest:
    how = "the token is wrong or has expired" if status == 401 else "this token may not do that"
    return BadRequest(f"{host}: {how} ({status}); set KUBEFLOW_TOKEN to one that this server takes.")


@contextlib.contextmanager
def _one_line(host: str, what: str = "") -> Iterator[None]:
    """Every error of the client as one line."""
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status in (401, 403):
            raise _refused(host, error.status) from None
        if error.status == 404 or (error.status == 400 and "not found" in str(error.body).lower()):
            raise _Unknown(f"{host}: knows no {what or 'such thing'}; see its page of runs.") from None
        problem = f"{host}: {what + ': ' if what else ''}{_message(error)}"
        if error.status is not None and 400 <= error.status < 500:
            raise BadRequest(f"{problem}.") from None
        raise TaskFailed(f"{problem}; try again later.") from None
    except HTTPError as error:
        raise TaskFailed(
            f"{host}: cannot be reached ({_reason(error)}); check the address and the network."
        ) from None
    except SlmworksError:
        raise
    except (ValueError, TypeError, TimeoutError) as error:
        problem = first_line(error)
        raise TaskFailed(f"{host}: answers what Kubeflow doesn't ({problem}).") from None


def _reason(error: Exception) -> str:
    """The innermost reason of a connection's error."""
    inner = getattr(error, "reason", None) or error
    words = str(inner).rpartition(": ")[2] or type(inner).__name__
    return re.sub(r"^\[Errno -?\d+\] ", "", words)


def _message(error: Any) -> str:
    """The server's message in one line."""
    try:
        body = json.loads(error.body)
        text = str(body.get("message") or body.get("error_message") or body.get("error") or "")
    except (ValueError, TypeError, AttributeError):
        text = ""
    first = first_line(text).rstrip(".")
    return f"{first or error.reason} ({error.status})"


@contextlib.contextmanager
def _file(text: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_text(text, encoding="utf-8")
        yield str(path)
