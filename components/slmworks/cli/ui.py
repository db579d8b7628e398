"""`slmworks ui`."""

import os
import subprocess
import sys

import click

from slmworks.cli.places import engine_file_option, store_option, the_store, tracking_option, tracking_uri


@click.command()
@engine_file_option
@store_option
@tracking_option
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on 127.0.0.1."
)
def ui(engine_path: str | None, store_url: str, tracking: str, port: int) -> int:
    """Open MLflow on this store's lineage and registry. Runs until Ctrl-C."""
    from slmworks.contract.errors import BadRequest
    from slmworks.tracking.connection import without_credentials

    store = the_store(store_url, engine_path)
    uri = tracking_uri(store, tracking)
    if uri.startswith(("http://", "https://")):
        click.echo(f"MLflow runs at {without_credentials(uri)}: open it in a browser.")
        return 0
    if not uri:
        raise BadRequest("tracking is 'none', so there is nothing to show; give --tracking.")
    click.echo(
        f"MLflow: http://127.0.0.1:{port} · runs /#/experiments · registry /#/models · Ctrl-C stops it"
    )
    command = [
        sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1",
        f"--artifacts-destination={store.root / 'mlartifacts'}",
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
