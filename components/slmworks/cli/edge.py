"""`slmworks edge`."""

from pathlib import Path

import click

from slmworks.cli.places import engine_file_option, store_option, the_store


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is made anew."
)
@engine_file_option
@store_option
def edge(name: str, version: int | None, folder: Path, engine_path: str | None, store_url: str) -> None:
    """Write an approved VERSION of NAME (default: the champion) as a folder that runs anywhere.

    It needs onnxruntime, tokenizers and numpy; nothing of slmworks. Refuses what is not approved, or was
    edited.
    """
    from slmworks.contract.errors import BadRequest
    from slmworks.registry.log import Registry
    from slmworks.registry.release import approved_release

    try:
        from slmworks_serve.edge import export
    except ModuleNotFoundError as error:
        raise BadRequest(f"edge needs {error.name}: pip install slmworks-serve") from None
    registry = Registry(the_store(store_url, engine_path))
    approved = approved_release(registry, name, version)
    number = approved.entry.version
    export(approved, registry.state(name).version(number).decided, folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    click.echo(f"{name} v{number} in {folder} ({size / 1e6:.1f} MB): see {folder / 'README.md'}")
