"""Options of a recipe that are changed on a command line: `--set step.option=value`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from slmworks.recipe.plan import Plan

set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="STEP.OPTION=VALUE",
    help="An option of a step for this run, as if it stood in the recipe; repeat for more. The value is "
    "YAML: --set student.epochs=3, --set 'student.layers=[0, 2]', --set student.seed=1.",
)


def with_changes(planned: "Plan", changes: Sequence[str]) -> "Plan":
    """The plan with options changed by `step.option=value`; BadRequest as for the file's."""
    if not changes:
        return planned
    from slmworks.recipe.edited import edited
    from slmworks.recipe.lower import plan

    wanted: dict[str, dict[str, Any]] = {}
    for one in changes:
        step, option, value = _read(planned, one)
        if option in wanted.setdefault(step, {}):
            raise BadRequest(f"--set {one}: {step}.{option} is set twice; leave one out.")
        wanted[step][option] = value
    try:
        return plan(edited(planned, wanted, "Changed on the command line of this run:"))
    except BadRequest as error:
        said = " ".join(f"--set {one}" for one in changes)
        raise BadRequest(f"{said}: {error}") from None


def _read(planned: "Plan", one: str) -> tuple[str, str, Any]:
    from slmworks.recipe.step_names import require_options_of
    from slmworks.recipe.yaml_file import load

    name, equals, text = one.partition("=")
    step, dot, option = name.strip().partition(".")
    if not (step and dot and option and equals):
        raise BadRequest(f"--set {one}: expected STEP.OPTION=VALUE, such as student.epochs=3.")
    require_options_of(planned.recipe, f"--set {one}", step)
    if "." in option:
        inner = option.partition(".")[0]
        raise BadRequest(
            f"--set {one}: set the whole option, as in a recipe: --set '{step}.{inner}={{KEY: VALUE}}'."
        )
    if not text.strip():
        raise BadRequest(f"--set {one}: no value; an empty text is written '{name}=\"\"'.")
    return step, option, load(text, f"--set {one}", "a value", needs="some YAML")[0]
