"""A connection to MLflow: a database file, or a server. The only place where MLflow is imported."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slmworks.contract.errors import BadRequest, SlmworksError, first_line
from slmworks.machine.locks import lease

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that is down must be said within seconds; MLflow's own retries take minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Makes MLflow's pages show runs and curves first; without it they take an experiment for a chat agent's."""


@dataclass(frozen=True)
class Tracking:
    """An MLflow client, and where artifacts go when no server decides that."""

    client: Any
    artifacts: str | None
    """Address below which experiments keep their artifacts; None: the server knows."""

    def experiment(self, name: str) -> str:
        """The id of the experiment with this name; made, or brought back from the bin, when needed."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            location = f"{self.artifacts}/{name}" if self.artifacts else None
            return str(self.client.create_experiment(name, artifact_location=location, tags=_TRAINING))
        if found.lifecycle_stage != "active":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def runs(self, tags: dict[str, str]) -> list[Any]:
        """Every MLflow run, in any experiment, that has these tags."""
        experiments = [one.experiment_id for one in self.client.search_experiments()]
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        found: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs(experiments, wanted, max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def one_each(self, tags: dict[str, str], *, by: str, keep: Sequence[str]) -> dict[str, Any]:
        """Value of the tag `by` -> the one MLflow run that has it and `tags`.

        Doubles are deleted: MLflow cannot create a run only if it is absent, and a request that is sent
        again because the answer was lost, or two machines at once, make two. The one that has the first
        of the tags `keep` stays, then the next, then the one that started first.
        """
        chosen: dict[str, Any] = {}
        for run in sorted(self.runs(tags), key=lambda run: _rank(run, keep)):
            if run.data.tags[by] in chosen:
                self.client.delete_run(run.info.run_id)
            else:
                chosen[run.data.tags[by]] = run
        return chosen


def _rank(run: Any, keep: Sequence[str]) -> tuple[Any, ...]:
    return (*(tag not in run.data.tags for tag in keep), run.info.start_time, run.info.run_id)


def connect(uri: str) -> Tracking:
    """A client for `sqlite:///…` or `http(s)://…`; makes the database's schema when it is new."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError as error:
        raise BadRequest(f"lineage needs {error.name}: pip install 'slmworks[run]'") from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Said explicitly: MLflow would take what some other code of this process set for all.
    registry = os.environ.get("MLFLOW_REGISTRY_URI") or uri
    if not uri.startswith("sqlite:///"):
        return Tracking(MlflowClient(uri, registry), None)
    database = Path(uri.removeprefix("sqlite:///")).absolute()
    database.parent.mkdir(parents=True, exist_ok=True)
    with lease(database.parent, f"{database.name}.schema"):  # two that create it at once break each other
        client = MlflowClient(uri, registry)
        client.search_experiments(max_results=1)
    return Tracking(client, (database.parent / "mlartifacts").as_uri())


@contextmanager
def told_in_one_line(
    uri: str,
    what: str = "did not take the records",
    way_out: str = "Nothing is lost: slmworks lineage sync brings them in later.",
) -> Iterator[None]:
    """Turn what MLflow, its database or the network says into one line: what failed, and the way out."""
    try:
        yield
    except SlmworksError:
        raise
    except Exception as error:
        if not _theirs(error):
            raise
        said = first_line(error).replace(uri, without_credentials(uri))
        raise SlmworksError(
            f"MLflow at {without_credentials(uri)} {what} ({said[:200]}). {way_out}"
        ) from error


def without_credentials(uri: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


def _theirs(error: BaseException) -> bool:
    """Whether an exception comes from MLflow, its database, the network or the disk."""
    if isinstance(error, OSError):
        return True
    return type(error).__module__.split(".")[0] in (
        "mlflow",
        "sqlalchemy",
        "requests",
        "urllib3",
        "alembic",
        "sqlite3",
    )
