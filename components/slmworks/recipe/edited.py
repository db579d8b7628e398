"""A recipe with options that were changed for one run, in a form or on a command line.

They are validated like the file's, are in identities as if they stood there, and the run's record has them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.recipe.recipe import Recipe, Step
from slmworks.recipe.variants import takes_seed

SEED = "seed"
"""A step's word that is changed like an option, where its plugin has no option of this name."""

Changes = Mapping[str, Mapping[str, Any]]
"""Step -> option -> value."""


def edited(plan: Plan, changes: Changes, said: str) -> Recipe:
    """The plan's recipe with these options; the same object if there are none.

    The changes are added to its text, which the lineage keeps, below the line `said`. BadRequest for an
    option that variants of a sweep set themselves.
    """
    recipe, steps = plan.recipe, dict(plan.recipe.steps)
    if not changes:
        return recipe
    for name, options in changes.items():
        task = _task(plan, name)
        for option in options:
            _refuse_swept(recipe, name, option)
        word = {SEED} & options.keys() if not takes_seed(task.configured) else set()
        steps[name] = replace(
            steps[name],
            options={**steps[name].options, **{key: options[key] for key in options if key not in word}},
            **{key: options[key] for key in word},
        )
    made = ((name, option, value) for name, options in changes.items() for option, value in options.items())
    text = noted(recipe.text, made, said)
    return replace(recipe, steps=steps, text=text, edits=tuple(_compared(plan, changes)))


def noted(text: str, changes: Iterable[tuple[str, str, Any]], said: str) -> str:
    """A recipe's text with changes below it, as comments: step, option and value of each."""
    lines = [
        f"#   {step}.{option}: {json.dumps(value, ensure_ascii=False)}" for step, option, value in changes
    ]
    return "\n".join([text.rstrip("\n"), f"# {said}", *lines, ""])


def _compared(plan: Plan, changes: Changes) -> Iterator[dict[str, Any]]:
    """Each changed option with what it was, for the run's record."""
    for name, options in changes.items():
        task = _task(plan, name)
        for option, now in options.items():
            was = _was(plan.recipe.steps[name], task, option)
            if was != now:
                gate = task.configured.decides
                yield {"step": name, "option": option, "was": was, "now": now, "gate": gate}


def _was(step: Step, task: PlannedTask, option: str) -> Any:
    if option == SEED and not takes_seed(task.configured):
        return step.seed
    return step.options.get(option, task.options.get(option))


def _task(plan: Plan, step: str) -> PlannedTask:
    return next(task for task in plan if task.step == step and not task.brings)


def _refuse_swept(recipe: Recipe, name: str, option: str) -> None:
    for index, variant in enumerate(recipe.steps[name].sweep):
        if option in variant.get("with", {}) or (option == SEED and SEED in variant):
            raise BadRequest(
                f"{recipe.at('steps', name, 'sweep', index)}: variants of {name} set {option} themselves, so "
                "it can't be changed for all of them; edit the sweep."
            )
