"""`slmworks ui`."""

import os
import subprocess
import sys

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places


@click.command()
@with_places(tracking=True)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on 127.0.0.1."
)
def ui(places: Places, port: int) -> int:
    """Open MLflow on this store's lineage and registry. Runs until Ctrl-C."""
    from slmworks.contract.errors import BadRequest
    from slmworks.tracking.connection import without_credentials

    uri = places.tracking_uri
    if uri.startswith(("http://", "https://")):
        say(f"MLflow runs at {without_credentials(uri)}: open it in a browser.")
        return 0
    if not uri:
        raise BadRequest("tracking is 'none', so there is nothing to show; give --tracking.")
    say(f"MLflow: http://127.0.0.1:{port} · runs /#/experiments · registry /#/models · Ctrl-C stops it")
    command = [
        sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1",
        f"--artifacts-destination={places.store.root / 'mlartifacts'}",
    ]  # fmt: skip
    settings = {
        "MLFLOW_BACKEND_STORE_URI": uri,  # not an argument: it can hold a password
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with subprocess.Popen(command, env={**os.environ, **settings}) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            return 0
