"""A task's run in MLflow, asked over its REST API: MLflow itself isn't installed beside Airflow."""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from slmworks.contract.errors import SlmworksError
from slmworks.tracking.aliases import login
from slmworks.tracking.connection import without_credentials
from slmworks.tracking.runs import COMPLETE, RELEASE, RUN, TASK

PARENT = "-"
"""What the tag of a task says of the run as a whole."""
SECONDS = 5
"""That one question may take."""
LET_IN = (
    ": set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, for Airflow's "
    "API server"
)


def page_of(tracking: str, run: str, task: str) -> str | None:
    """The address of a task's page in MLflow, or None; SlmworksError when MLflow can't be asked."""
    try:
        runs = [found for found in _runs(tracking, run) if _tags(found).get(TASK) == task]
        if not runs:
            return None
        info = min(runs, key=_rank)["info"]
        experiment, number = (quote(str(info[word]), safe="") for word in ("experiment_id", "run_id"))
    except HTTPError as error:
        out = LET_IN if error.code in (401, 403) else "; try again later"
        raise SlmworksError(f"{address(tracking)} answers {error.code}{out}.") from None
    except (OSError, HTTPException):
        raise SlmworksError(
            f"{address(tracking)} does not answer Airflow's API server; try again later."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SlmworksError(f"What {address(tracking)} answers isn't MLflow's; correct `tracking`.") from None
    return f"{address(tracking)}/#/experiments/{experiment}/runs/{number}"


def address(tracking: str) -> str:
    """Where MLflow is, for people."""
    return without_credentials(tracking).rstrip("/")


def _runs(tracking: str, run: str) -> Iterator[Mapping[str, Any]]:
    experiments = [str(one["experiment_id"]) for one in _all(tracking, "experiments")]
    # a run's name in the store has no sign that would have to be quoted
    said = {"experiment_ids": experiments, "filter": f"tags.`{RUN}` = '{run}'"}
    return _all(tracking, "runs", said) if experiments else iter(())


def _all(tracking: str, what: str, said: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
    """Every one that a search finds, page after page."""
    token = ""
    while True:
        told = {**(said or {}), "max_results": 1000, **({"page_token": token} if token else {})}
        found = _post(tracking, f"{what}/search", told)
        yield from found.get(what, [])
        token = found.get("next_page_token", "")
        if not token:
            return


def _post(tracking: str, what: str, said: Mapping[str, Any]) -> dict[str, Any]:
    request = Request(  # noqa: S310 - http or https, as `replies` has checked
        f"{address(tracking)}/api/2.0/mlflow/{what}",
        json.dumps(said).encode(),
        {"Content-Type": "application/json", **login(tracking)},
    )
    with urlopen(request, timeout=SECONDS) as reply:  # noqa: S310
        return dict(json.load(reply))


def _rank(found: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of doubles, the one that the next upload keeps comes first."""
    tags, info = _tags(found), found["info"]
    return (RELEASE not in tags, COMPLETE not in tags, info.get("start_time", 0), info["run_id"])


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in found["data"].get("tags", [])}
