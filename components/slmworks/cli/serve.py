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
@click.option(
    "--ask",
    "question",
    metavar="TEXT",
    help="Start, ask this one question over HTTP, print the answer, stop.",
)
@store_option
def serve(name: str, version: int | None, host: str, port: int, question: str | None, store_url: str) -> None:
    """Serve an approved version of NAME over HTTP. Refuses one that is not approved, or was edited."""
    from slmworks.errors import BadRequest
    from slmworks.store import open_store

    try:
        from slmworks_serve.run import serve as answer
        from slmworks_serve.visit import ask_once
    except ModuleNotFoundError as error:
        raise BadRequest(f"serving needs {error.name}: pip install 'slmworks-serve[run]'") from None
    if question is not None:
        said = ask_once(open_store(store_url), name, version, question)
        click.echo(f"{name} v{said['version']} at {said['address']}/classify")
        click.echo(f"  {question}\n  → {said['label']} ({said['score']:.1%})")
        return
    answer(open_store(store_url), name, version, host=host, port=port)
