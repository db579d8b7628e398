"""`slmworks schema`: the JSON schema that gives editors completion for recipes."""

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON schema of recipes, made from the installed plugins.

    Put its file's name in a recipe's first line: # yaml-language-server: $schema=recipe.schema.json
    """
    from slmworks.schema import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=1, ensure_ascii=False, sort_keys=True))
