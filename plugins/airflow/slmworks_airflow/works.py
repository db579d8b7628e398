"""Airflow on this machine: its four components and, if wanted, MLflow, all of them on 127.0.0.1.

For trying things out and for tests. It is no deployment: SQLite, one machine, passwords in a file.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.machine.locks import lease
from slmworks_airflow.api import Api, Found, answer
from slmworks_airflow.component import Component

HOST = "127.0.0.1"
PROGRAMS: Mapping[str, Sequence[str]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),  # what serves logs listens on every interface
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
MLFLOW = "mlflow"
SERVING = ("api-server", MLFLOW)
LOGS = "logs-of-components"
"""Folder in the home."""
GRACE = 15.0
"""Seconds that everything gets to stop by itself."""
BUSY = 60
"""Seconds that one component waits for another's writing; after SQLite's own 5 the API answers 500."""
QUIET = 15.0
"""Seconds without news after which a file that brought neither a DAG nor an error brings none."""


@dataclass
class Works:
    """Airflow's components, from their start to their end."""

    home: Path
    """AIRFLOW_HOME: the database, logs and passwords."""
    dags: Path
    port: int = 8080
    users: str = "admin:admin"
    """Users and their roles, as Airflow's simple auth manager takes them; with the first it is asked here."""
    engine_file: Path | None = None
    mlflow_python: Path | None = None
    """The interpreter that starts MLflow over the engine file's store; None: MLflow isn't started."""
    mlflow_port: int = 5000
    python: Path = field(default_factory=lambda: Path(sys.executable))
    """Airflow's interpreter."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """More variables for the components; they outweigh ours."""

    def __post_init__(self) -> None:
        """Paths that hold wherever a component looks from."""
        self.home, self.dags = self.home.absolute(), self.dags.absolute()
        self._first = next(iter(self.roles))
        self.components: dict[str, Component] = {}
        self._held = contextlib.ExitStack()
        self._since = datetime.now(UTC)

    @property
    def url(self) -> str:
        """Airflow's address."""
        return f"http://{HOST}:{self.port}"

    @property
    def tracking(self) -> str:
        """MLflow's address, where it is started here."""
        return f"http://{HOST}:{self.mlflow_port}" if self.mlflow_python else ""

    @property
    def roles(self) -> dict[str, str]:
        """User -> role."""
        pairs = [user.strip().split(":") for user in self.users.split(",")]
        if any(len(pair) != 2 or not all(pair) for pair in pairs):
            raise BadRequest(f"--users {self.users}: must be user:role, such as admin:admin,anna:user.")
        return dict(pairs)

    @property
    def passwords(self) -> dict[str, str]:
        """User -> password."""
        path = self._passwords
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    @property
    def _passwords(self) -> Path:
        return self.home / "passwords.json"

    def __enter__(self) -> Self:
        """Start everything; `wait_ready` waits until it can be used."""
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop()

    # --- start ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        _free(self.port, "--port")
        if self.mlflow_python:
            _free(self.mlflow_port, "--mlflow-port")
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._held.enter_context(lease(self.home, "works", waiting=self._taken))
        self._give_passwords()
        self._migrate()
        self._since = datetime.now(UTC)
        for name, words in self._programs():
            self.components[name] = Component(name, words, self._log(name))
            self.start(name)

    def start(self, name: str) -> None:
        """Start one component, or start it again."""
        self.components[name].start(self.environment(self.tracking if name != MLFLOW else ""))

    def _programs(self) -> Iterator[tuple[str, list[str]]]:
        for name, words in PROGRAMS.items():
            yield name, [str(self.python), "-m", "airflow", name, *words]
        if self.mlflow_python:
            shows = ["--port", str(self.mlflow_port), "--engine-file", str(self.engine_file)]
            yield MLFLOW, [str(self.mlflow_python), "-m", "slmworks", "ui", *shows]

    def environment(self, tracking: str = "") -> dict[str, str]:
        """The variables of a component. Airflow's of the shell are left out: they may mean another one."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AIRFLOW__") and name not in ("AIRFLOW_HOME", "AIRFLOW_CONFIG")
        }
        proxied = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        direct = ",".join(filter(None, (proxied, HOST, "localhost")))
        ours = {"AIRFLOW_HOME": str(self.home), "NO_PROXY": direct, "no_proxy": direct}
        if self.engine_file:
            ours["SLMWORKS_ENGINE_FILE"] = str(self.engine_file)
        if tracking:
            ours["SLMWORKS_TRACKING"] = tracking
        airflow = {f"AIRFLOW__{name}": value for name, value in self._airflow().items()}
        return {**kept, **ours, **airflow, **self.settings}

    def _airflow(self) -> dict[str, str]:
        simple = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        return {
            "API__HOST": HOST,
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "CORE__AUTH_MANAGER": simple,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # what follows an approval needs no click
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "4",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": self.users,
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",  # a new file is seen soon
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}?timeout={BUSY}",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",  # what ran when all was stopped goes on soon
            "USAGE_DATA_COLLECTION__ENABLED": "False",
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # how late a worker sees that its task has ended
        }

    def _migrate(self) -> None:
        """Make the database, or bring it to the installed Airflow's form; nothing where it has that."""
        database, done, version = self.home / "airflow.db", self.home / "migrated", self._version()
        if database.exists() and done.exists() and done.read_text(encoding="utf-8") == version:
            return
        command = [str(self.python), "-m", "airflow", "db", "migrate"]
        migration = self.components["migrate"] = Component("migrate", command, self._log("migrate"))
        migration.start(self.environment())
        if migration.wait():
            raise TaskFailed(f"{database} could not be brought up to date: {migration.last_words()}")
        del self.components["migrate"]
        done.write_text(version, encoding="utf-8")

    def _version(self) -> str:
        asked = "import importlib.metadata as found; print(found.version('apache-airflow-core'))"
        said = subprocess.run([str(self.python), "-c", asked], capture_output=True, text=True, check=False)
        if said.returncode:
            raise BadRequest(f"{self.python} has no Airflow: pip install apache-airflow in its environment.")
        return said.stdout.strip()

    def _give_passwords(self) -> None:
        """One to each user who has none, in a file that nobody else can read."""
        known = self.passwords
        new = {name: secrets.token_urlsafe(9) for name in self.roles if name not in known}
        self._passwords.touch(mode=0o600)
        if new:
            self._passwords.write_text(json.dumps({**known, **new}), encoding="utf-8")

    def _log(self, name: str) -> Path:
        return self.home / LOGS / f"{name}.log"

    def _taken(self) -> None:
        raise BadRequest(f"{self.home}: another Airflow runs in it; stop that one, or give another --home.")

    # --- use -----------------------------------------------------------------------------------------

    def wait_ready(self, seconds: float = 180) -> Found:
        """Until everything works and each file of DAGs was read; what was read. TaskFailed if it can't be."""
        user = self._first
        api = Api(self.url, user, self.passwords[user])
        now = time.monotonic()
        deadline, quiet, seen = now + seconds, now + QUIET, -1
        while time.monotonic() < deadline:
            self.check()
            if api.healthy() and (not self.tracking or answer(f"{self.tracking}/health")):
                found = api.found(self.dags, self._since)
                come = len(found.dags) + len(found.errors)
                if come != seen:
                    seen, quiet = come, time.monotonic() + QUIET
                if not found.empty or time.monotonic() > quiet:
                    return found
            time.sleep(0.5)
        raise TaskFailed(
            f"Airflow does not answer after {seconds:.0f} s; see its logs in {self.home / LOGS}."
        )

    def check(self) -> None:
        """TaskFailed when a component has ended."""
        for component in self.components.values():
            if not component.runs:
                raise TaskFailed(f"{component.name} ended with {component.code}: {component.last_words()}")

    # --- end -----------------------------------------------------------------------------------------

    def stop(self, grace: float = GRACE) -> None:
        """Ask everything to stop, and after `grace` seconds (or at Ctrl-C) kill it; nothing is left.

        What tasks report to goes last, so that one that ends meanwhile is not run again.
        """
        serving = [one for name, one in self.components.items() if name in SERVING]
        working = [one for name, one in self.components.items() if name not in SERVING]
        try:
            _stop(working, grace)
            for component in working:
                component.kill()
            _stop(serving, grace / 3)
        except KeyboardInterrupt:
            pass
        finally:
            for component in self.components.values():
                component.kill()
            self._held.close()


def _stop(components: Sequence[Component], seconds: float) -> None:
    """Ask them to, and give them that time."""
    for component in components:
        component.ask_to_stop()
    deadline = time.monotonic() + seconds
    while any(one.runs for one in components) and time.monotonic() < deadline:
        time.sleep(0.1)


def _free(port: int, option: str) -> None:
    """BadRequest when something listens there."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError as error:
            raise BadRequest(f"{HOST}:{port}: {error.strerror}; choose another port with {option}.") from None
