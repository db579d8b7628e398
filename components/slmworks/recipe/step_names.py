"""Steps as people name them beside a recipe: `--fresh small`, `--until small`, `--set small_cut.keep=4`."""

from collections.abc import Iterable

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.recipe.recipe import Recipe


def steps_named(recipe: Recipe, said: str, names: Iterable[str]) -> frozenset[str]:
    """The steps of a planned recipe that these names mean; one with `orders` means all it was written out to.

    BadRequest for another name, which begins with what was `said`: `--fresh`.
    """
    found: set[str] = set()
    for name in names:
        if name in recipe.gathered:
            found |= _written_of(recipe, name)
        elif name in recipe.steps:
            found.add(name)
        else:
            known = [*recipe.steps, *recipe.gathered]
            raise BadRequest(f"{said} {name}: no such step. {did_you_mean(name, known)}")
    return frozenset(found)


def require_options_of(recipe: Recipe, said: str, name: str) -> None:
    """BadRequest for a name that is no single step, whose options could be changed."""
    if name in recipe.gathered:
        made = ", ".join(sorted(_written_of(recipe, name)))
        raise BadRequest(f"{said}: {name} has `orders`; name one of its steps: {made}.")
    if name not in recipe.steps:
        raise BadRequest(f"{said}: no such step. {did_you_mean(name, recipe.steps)}")


def _written_of(recipe: Recipe, name: str) -> set[str]:
    """Steps that were made of the words of a step with `orders`."""
    return {
        step
        for step, places in recipe.places.items()
        if any(written[:2] == ("steps", name) for written in places.values())
    }
