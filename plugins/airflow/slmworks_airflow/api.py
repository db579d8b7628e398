"""What Airflow's API says: whether it works, and what was read in the folder of DAGs."""

import contextlib
import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

PARTS = ("scheduler", "dag_processor", "triggerer")

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never through a proxy: what it asks is on this machine."""


@dataclass(frozen=True)
class Found:
    """What Airflow read in the folder of DAGs."""

    dags: Sequence[Mapping[str, Any]]
    """As the API lists them."""
    errors: Mapping[str, str]
    """File -> why it can't be imported, in one line."""
    empty: Sequence[str]
    """Files that brought neither (yet)."""


@dataclass
class Api:
    """Airflow's API, for one user."""

    url: str
    user: str
    password: str
    _token: str = ""

    def healthy(self) -> bool:
        """Whether every component does its work."""
        health = json.loads(answer(f"{self.url}/api/v2/monitor/health") or b"{}")
        return all(health.get(part, {}).get("status") == "healthy" for part in PARTS)

    def found(self, folder: Path, since: datetime) -> Found:
        """What was read in `folder` since then."""

        def inside(name: str) -> str:
            return str(Path(name).relative_to(folder)) if Path(name).is_relative_to(folder) else name

        def fresh(when: str | None) -> bool:
            return when is not None and datetime.fromisoformat(when) >= since

        dags = self._get("dags")["dags"]
        problems = self._get("importErrors")["import_errors"]
        dags = [dag for dag in dags if fresh(dag["last_parsed_time"])]
        errors = {
            inside(one["filename"]): last_line(one["stack_trace"])
            for one in problems
            if fresh(one["timestamp"])
        }
        brought = {dag["relative_fileloc"] for dag in dags} | errors.keys()
        empty = [file for file in looked_at(folder) if file not in brought]
        return Found(sorted(dags, key=lambda dag: str(dag["dag_id"])), errors, empty)

    def _get(self, what: str) -> Any:
        if not self._token:
            said = answer(f"{self.url}/auth/token", {"username": self.user, "password": self.password})
            self._token = str(json.loads(said)["access_token"])
        return json.loads(answer(f"{self.url}/api/v2/{what}?limit=1000", token=self._token))


def answer(url: str, body: Mapping[str, str] | None = None, token: str = "") -> bytes:
    """What an address on this machine answers; nothing when it doesn't (yet)."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - http, ours
    with contextlib.suppress(OSError), _direct.open(request, timeout=10) as said:
        return bytes(said.read())
    return b""


def looked_at(folder: Path) -> list[str]:
    """The files that Airflow looks for DAGs in: by default those that hold both words."""
    paths = sorted(folder.rglob("*.py"))
    texts = {path: path.read_bytes().lower() for path in paths}
    return [
        str(path.relative_to(folder)) for path in paths if b"dag" in texts[path] and b"airflow" in texts[path]
    ]


def last_line(trace: str) -> str:
    """The error of a traceback, without the name of a class of ours, which says nothing to people."""
    lines = [line.strip() for line in trace.splitlines() if line.strip()] or ["unknown error"]
    ours = lines[-1].startswith("slmworks.contract.errors.")
    return lines[-1].partition(": ")[2] if ours else lines[-1]
