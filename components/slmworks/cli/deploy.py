"""`slmworks deploy`."""

import click

from slmworks.cli.keys import trusted_keys_option
from slmworks.cli.places import Places, with_places


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@trusted_keys_option
@with_places()
def deploy(name: str, version: int | None, places: Places) -> None:
    """Put an approved VERSION of NAME (default: the champion) where the engine file says it is served.

    A recipe's deploy step does the same; this is for the times between. What is served already stays.
    """
    from slmworks.contract.errors import BadRequest
    from slmworks.deploy.direct import deploy as put
    from slmworks.engines.lines import Lines

    by = places.engine.deployer(name)
    if by is None:
        raise BadRequest(
            f"{places.engine.file}: does not say where {name} is served; add  "
            f"deploy: {{{name}: {{uses: kubernetes, with: {{deployment: {name}}}}}}}."
        )
    put(places.store, name, version, by, Lines("deploy").event)
