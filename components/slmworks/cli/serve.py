"""`slmworks serve`."""

import click

from slmworks.cli.places import store_option


@click.command()
@click.argument("name")
@click.option("--version", type=int, help="An approved version; default: the champion.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@store_option
def serve(name: str, version: int | None, host: str, port: int, store_url: str) -> None:
    """Serve an approved version of NAME over HTTP. Refuses one that is not approved, or was edited."""
    from slmworks.errors import BadRequest
    from slmworks.store import open_store

    try:
        from slmworks_serve.run import serve as answer
    except ModuleNotFoundError as error:
        raise BadRequest(f"serving needs {error.name}: pip install 'slmworks-serve[run]'") from None
    answer(open_store(store_url), name, version, host=host, port=port)
