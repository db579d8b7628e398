"""`slmworks deploy`."""

import click

from slmworks.cli.places import chosen_store, engine_file_option, engine_of, store_option


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@engine_file_option
@store_option
def deploy(name: str, version: int | None, engine_path: str | None, store_url: str) -> None:
    """Put an approved VERSION of NAME (default: the champion) where the engine file says it is served.

    A recipe's deploy step does the same; this is for the times between. What is served already stays.
    """
    from slmworks.contract.errors import BadRequest
    from slmworks.deploy.direct import deploy as put
    from slmworks.engines.lines import Lines

    engine = engine_of(engine_path)
    by = engine.deployer(name)
    if by is None:
        raise BadRequest(
            f"{engine.file}: does not say where {name} is served; add  "
            f"deploy: {{{name}: {{uses: kubernetes, with: {{deployment: {name}}}}}}}."
        )
    put(chosen_store(store_url, engine), name, version, by, Lines("deploy").event)
