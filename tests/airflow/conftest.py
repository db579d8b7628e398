"""Airflow in an environment of its own, as `make install-airflow` makes it; tests start its interpreter."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """Airflow's interpreter; skips where there is none."""
    from homes import interpreter

    if not interpreter().is_file():
        pytest.skip("Airflow's environment is not there; make install-airflow makes it")
    return interpreter()


@pytest.fixture(scope="session")
def migrated(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose database was made; others are copies."""
    from homes import Home

    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    made = Home(home, airflow_python)
    subprocess.run(
        [str(airflow_python), "-m", "airflow", "db", "migrate"],
        env=made.variables(),
        check=True,
        capture_output=True,
    )
    return home


@pytest.fixture(scope="session")
def new_home(migrated: Path, airflow_python: Path):
    """Make a fresh home at a place."""
    from homes import Home

    def make(folder: Path, engine: str, **env: str) -> Home:
        shutil.copytree(migrated, folder, ignore=shutil.ignore_patterns("logs", "airflow.cfg"))
        home = Home(folder, airflow_python, dict(env))
        home.engine(engine)
        return home

    return make
