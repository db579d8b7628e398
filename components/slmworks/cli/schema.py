"""`slmworks schema`: the JSON schema that gives editors completion for recipes."""

import json

import click


@click.command()
@click.argument("what", type=click.Choice(["recipe", "engine-file"]), default="recipe")
def schema(what: str) -> None:
    """Print the JSON schema of recipes, made from the installed plugins, or that of engine files.

    Put its file's name in the first line: # yaml-language-server: $schema=recipe.schema.json
    """
    from slmworks.engines.engine_file import engine_schema
    from slmworks.recipe.schema import recipe_schema

    made = recipe_schema() if what == "recipe" else engine_schema()
    click.echo(json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True))
