"""`python -m slmworks_airflow`: Airflow on this machine with our DAGs, until Ctrl-C."""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click

from slmworks.cli.console import say
from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.contract.plain_text import one_line
from slmworks.engines.airflow.line import ENGINE_FILE, TRACKING
from slmworks.tracking.connection import without_credentials
from slmworks_airflow.api import Found
from slmworks_airflow.works import GRACE, LOGS, Works

BESIDE = Path("pipelines", "engines", "airflow.yaml")
"""The engine file that is meant where none is named, beside the folder of DAGs."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home", type=Path, default=".airflow", show_default=True, help="Database, logs and passwords."
)
@click.option("--dags", type=Path, default="dags", show_default=True, help="Folder of DAGs.")
@click.option(
    "--engine-file",
    type=Path,
    envvar=ENGINE_FILE,
    help=f"Where tasks run and the store is; default: {BESIDE} beside the DAGs. [env: {ENGINE_FILE}]",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Airflow's.")
@click.option(
    "--mlflow-python", type=Path, help="Interpreter of make install's environment; starts MLflow too."
)
@click.option(
    "--mlflow-port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="MLflow's."
)
@click.option(
    "--users",
    default="admin:admin",
    show_default=True,
    help="Users and their roles (admin, op, user, viewer): admin:admin,anna:user.",
)
def cli(
    home: Path,
    dags: Path,
    engine_file: Path | None,
    port: int,
    mlflow_python: Path | None,
    mlflow_port: int,
    users: str,
) -> None:
    """Start Airflow on 127.0.0.1 with a folder of DAGs, and stop it with Ctrl-C.

    For trying things out: SQLite, one machine, and passwords in a file of --home.
    """
    if not dags.is_dir():
        raise BadRequest(f"{dags}: no such folder; name the one with the DAGs with --dags.")
    engine_file = _engine_file(engine_file, dags)
    tracking = _tracking(engine_file)
    works = Works(
        home,
        dags,
        port,
        users,
        engine_file,
        None if tracking else _interpreter(mlflow_python, engine_file),
        mlflow_port,
    )
    say(f"Airflow starts, in half a minute; the logs of its parts: {home / LOGS}/")
    with works:
        try:
            _say(works, tracking or works.tracking, works.wait_ready())
            while True:
                works.check()
                time.sleep(1)
        except KeyboardInterrupt:
            say(
                f"\nAirflow stops; what runs gets {GRACE:.0f} s to end, or none at a second Ctrl-C.", err=True
            )
            raise


def _engine_file(named: Path | None, dags: Path) -> Path | None:
    """The engine file that is meant, read once, so that a mistake in it is said here."""
    from slmworks.engines.engine_file import EngineFile

    beside = dags.absolute().parent / BESIDE
    path = named or (beside if beside.is_file() else None)
    if path:
        EngineFile.read(str(path))
    return path.absolute() if path else None


def _tracking(engine_file: Path | None) -> str:
    """The MLflow server that there is already: the shell's, or the engine file's."""
    from slmworks.engines.engine_file import EngineFile

    named = EngineFile.read(str(engine_file)).settings.tracking if engine_file else None
    return os.environ.get(TRACKING) or named or ""


def _interpreter(mlflow_python: Path | None, engine_file: Path | None) -> Path | None:
    if mlflow_python and not mlflow_python.is_file():
        raise BadRequest(f"--mlflow-python {mlflow_python}: no such file; make install makes one.")
    if mlflow_python and not engine_file:
        raise BadRequest(
            "--mlflow-python: MLflow shows the engine file's store; name one with --engine-file."
        )
    return mlflow_python.absolute() if mlflow_python else None


def _say(works: Works, tracking: str, found: Found) -> None:
    """Where it is, who may sign in, and what was found."""
    say(f"Airflow  {works.url}")
    for name, role in works.roles.items():
        say(f"user     {name} ({role}), password {works.passwords[name]}")
    if tracking:
        say(f"MLflow   {without_credentials(tracking)}")
    for dag in found.dags:
        when = f" · {dag['timetable_summary']}" if dag["timetable_summary"] else ""
        paused = " · paused" if dag["is_paused"] else ""
        say(f"DAG      {dag['dag_id']}{when}{paused}")
    for file, line in found.errors.items():
        say(f"problem  {file}: {one_line(line)}")
    for file in found.empty:
        say(f"no DAG   {file}")
    say("Ctrl-C stops it.")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Errors become one line and an exit code: 0 stopped, 1 a part failed, 2 bad request."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        cli(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        say("Airflow stopped.", err=True)
        sys.exit(0)
    except click.UsageError as error:
        say(f"slmworks_airflow: {error.format_message()} See: python -m slmworks_airflow --help", err=True)
        sys.exit(2)
    except SlmworksError as error:
        say(f"slmworks_airflow: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
