"""An AIRFLOW_HOME of a test, and Airflow's own interpreter in it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOY = HERE.parent / "toy"
USERS = {"admin": "admin", "anna": "user", "ben": "user", "vera": "viewer"}
"""User -> role; everybody's password is their name."""


def interpreter() -> Path:
    """Airflow's."""
    return Path(os.environ.get("AIRFLOW_PYTHON") or ROOT / ".venv-airflow/bin/python")


@dataclass
class Ended:
    """One run of a DAG."""

    said: dict[str, Any]
    log: str

    @property
    def tasks(self) -> dict[str, str]:
        return self.said["tasks"]

    def states(self, *names: str) -> list[str]:
        return [self.tasks[name] for name in names]


@dataclass
class Home:
    """An AIRFLOW_HOME with a database, a dags folder, users and an engine file."""

    folder: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def dags(self) -> Path:
        return self.folder / "dags"

    def dag(self, name: str, text: str) -> None:
        """Write a DAG file."""
        (self.dags / f"{name}.py").write_text(text)

    def engine(self, text: str) -> Path:
        """Write the engine file."""
        path = self.folder / "engine.yaml"
        path.write_text(text.replace("PYTHON", sys.executable))
        return path

    def variables(self) -> dict[str, str]:
        passwords = self.folder / "passwords.json"
        passwords.write_text(json.dumps({user: user for user in USERS}))
        return {
            **os.environ,
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{user}:{role}" for user, role in USERS.items()
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "PASSWORDS": str(passwords),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(TOY), os.environ.get("PYTHONPATH", "")))),
            "SLMWORKS_ENGINE_FILE": str(self.folder / "engine.yaml"),
            "NO_COLOR": "1",
            **self.env,
        }

    def says(self, code: str) -> Any:
        """What some lines, run by Airflow's interpreter, print last, as JSON."""
        done = subprocess.run(
            [str(self.python), "-c", code],
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    def drive(self, timeout: float = 600, **asked: Any) -> Ended:
        """Parse the folder, and run a DAG of it with a person who answers; see `drive.py`."""
        to = self.folder / "out.json"
        to.unlink(missing_ok=True)
        done = subprocess.run(
            [str(self.python), str(HERE / "drive.py")],
            input=json.dumps({**asked, "to": str(to)}), env=self.variables(), cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        assert to.exists(), done.stdout[-5000:]
        return Ended(json.loads(to.read_text()), done.stdout)


def listed(found: Mapping[str, str], state: str) -> set[str]:
    """The tasks in a state."""
    return {task for task, is_in in found.items() if is_in == state}
