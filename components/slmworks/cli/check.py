"""`slmworks check`."""

import click

from slmworks.cli.console import say


@click.command()
@click.argument("recipe")
def check(recipe: str) -> None:
    """Read a recipe, check everything that can be known before it runs, and start nothing."""
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe

    planned = plan(Recipe.read(recipe))
    for warning in planned.warnings():
        say(f"slmworks: warning: {warning}", err=True)
    say(f"{recipe}: fine. {len(planned.recipe.steps)} steps, {len(planned)} tasks.")
