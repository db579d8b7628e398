"""Steps that stand for many, written out as plain steps before anything is planned."""

from dataclasses import replace

from slmworks.recipe.choice import write_choice
from slmworks.recipe.orders import write_orders
from slmworks.recipe.recipe import ORDERS, Recipe


def written_out(recipe: Recipe) -> Recipe:
    """The recipe with plain steps in the place of each block; BadRequest names its place."""
    for name, words in recipe.blocks.items():
        write = write_orders if ORDERS in words else write_choice
        recipe = write(recipe, name, words)
    return replace(recipe, blocks={}) if recipe.blocks else recipe
