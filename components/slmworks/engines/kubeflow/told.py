"""What a component is told: plain parameters that a person can read, and the task's spec made of them.

Each thing is said once: an option that has a parameter of its own stands in no other, so what Kubeflow's
page shows is what runs.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from slmworks.contract.catalog import plugin
from slmworks.contract.errors import BadRequest, did_you_mean, first_line
from slmworks.execution.spec import TaskSpec
from slmworks.recipe.edited import SEED
from slmworks.recipe.recipe import seed_problem
from slmworks.recipe.variants import draws, takes_seed
from slmworks.recipe.yaml_file import load

SPEC, PLUGIN, FAMILY, FORM, RUN = "spec", "plugin", "family", "form", "run"
"""Parameters of every component: the rest of the spec, `stage plugin`, `distribution version`, what a run may
change, and the run's id."""
OTHERS, FRESH, REQUESTER = "other_options", "fresh", "requester"
"""Inputs of the pipeline, beside one for each option that the recipe sets."""
EARLIER, EARLIER_RUN = "earlier", "earlier_run"
"""Behind an approval: input artifact -> the task that made it, and the run that it is of."""
UNSAID = frozenset({"run", "plugin", "stage", "user", "fresh"})
"""Fields of a spec that other parameters say."""


class Form(BaseModel):
    """What a run may change, and how a component's parameters are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[str, ...] = ()
    """The pipeline's steps."""
    settled: tuple[str, ...] = ()
    """Those whose options are the recipe's to say: what is registered, local files."""
    swept: tuple[str, ...] = ()
    """Options that the variants of this step set themselves."""
    text: tuple[str, ...] = ()
    """Options whose parameter is YAML text, since they have no one type."""


def parameter(step: str, option: str) -> str:
    """Name of the parameter of a step's option: `student__epochs`."""
    return f"{_prefix(step)}{option}"


def _prefix(step: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", step.lower()).strip("_") + "__"


# --- values ----------------------------------------------------------------------------------------


def escaped(value: Any) -> str:
    r"""A value as JSON text without `{{`, which schedulers take for their templates.

    >>> print(escaped({"template": "{{text}}"}))
    {"template": "{\u007btext}}"}
    """
    return json.dumps(value, ensure_ascii=False).replace("{{", "{\\u007b")


def is_carried(value: Any) -> bool:
    """True for a value that Kubeflow hands on: without null, and without `{{`."""
    if isinstance(value, Mapping):
        return all(is_carried(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(is_carried(one) for one in value)
    return value is not None and not (isinstance(value, str) and "{{" in value)


def handed_on(value: Any) -> Any:
    """A value as it arrives in a pod: Kubeflow knows one kind of number, which has a fraction."""
    return whole_numbers(json.loads(json.dumps(value), parse_int=float))


def whole_numbers(value: Any) -> Any:
    """A value of Kubeflow's with whole numbers where there is no fraction.

    >>> whole_numbers({"epochs": 3.0, "rate": 0.5})
    {'epochs': 3, 'rate': 0.5}
    """
    if isinstance(value, Mapping):
        return {key: whole_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole_numbers(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def of_text(text: Any, name: str) -> Any:
    """The value of a parameter that is YAML text, as after `--set`; BadRequest for what is none."""
    if not str(text).strip():
        raise BadRequest(f'{name}: is empty; give a value, "" for an empty text, or null for none.')
    try:
        return json.loads(text)  # what was compiled
    except ValueError:
        return load(str(text), name, "a value", needs="some YAML")[0]


# --- specs -----------------------------------------------------------------------------------------


def rest_of(spec: TaskSpec, said: tuple[str, ...]) -> dict[str, Any]:
    """A spec without what other parameters say; `said`: options that have one of their own."""
    options = {name: value for name, value in spec.options.items() if name not in said}
    rest = spec.model_copy(update={"options": options})
    return rest.model_dump(mode="json", exclude=set(UNSAID), exclude_defaults=True)


def spec_of(parameters: Mapping[str, Any]) -> TaskSpec:
    """The spec that a component's parameters are; BadRequest where they are none.

    Without the options that are YAML text, which a person may have mistyped: `changed` reads them.
    """
    given = parameters[SPEC]
    rest = whole_numbers(json.loads(given) if isinstance(given, str) else given)
    try:
        form = _form(parameters)
        stage, _, name = str(parameters[PLUGIN]).partition(" ")
        spec = TaskSpec.model_validate({**rest, "run": str(parameters[RUN]), "stage": stage, "plugin": name})
    except (ValidationError, ValueError, TypeError) as error:
        raise BadRequest(f"--executor-input: not a task spec ({first_line(error)}).") from None
    own = {
        option: whole_numbers(parameters[name])
        for option, name in _own_parameters(spec, parameters).items()
        if option not in form.text
    }
    user = str(parameters.get(REQUESTER) or "")
    return spec.model_copy(update={"options": {**spec.options, **own}, "user": user})


def changed(spec: TaskSpec, parameters: Mapping[str, Any]) -> TaskSpec:
    """The spec with what a person changed for this run; BadRequest for what no run can change."""
    form = _form(parameters)
    text = {
        option: of_text(parameters[name], name)
        for option, name in _own_parameters(spec, parameters).items()
        if option in form.text
    }
    mine = _others(spec, form, parameters.get(OTHERS) or {})
    word = {SEED} if SEED in mine and _takes_seed_as_word(spec, mine[SEED]) else set()
    options = {option: value for option, value in mine.items() if option not in word}
    return spec.model_copy(
        update={
            "options": {**spec.options, **text, **options},
            "fresh": _is_fresh(spec, form, parameters.get(FRESH) or []),
            **{option: mine[option] for option in word},
        }
    )


def _form(parameters: Mapping[str, Any]) -> Form:
    return Form.model_validate_json(str(parameters[FORM]))


def _own_parameters(spec: TaskSpec, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Option -> the parameter of its own."""
    prefix = _prefix(spec.step)
    return {name.removeprefix(prefix): name for name in parameters if name.startswith(prefix)}


def _others(spec: TaskSpec, form: Form, given: Any) -> Mapping[str, Any]:
    """What the input for other options says of this step; BadRequest for what no run can change."""
    if not isinstance(given, Mapping):
        raise BadRequest(f'{OTHERS}: must be options by step, such as {{"student": {{"seed": 1}}}}.')
    for step, options in given.items():
        if step in form.settled:
            raise BadRequest(
                f"{OTHERS}.{step}: what is registered, who approves, what follows and what local files are "
                "read is settled when the recipe is compiled; change the recipe."
            )
        if step not in form.steps:
            raise BadRequest(f"{OTHERS}.{step}: no such step. {did_you_mean(step, form.steps)}")
        if not isinstance(options, Mapping):
            raise BadRequest(f"{OTHERS}.{step}: must be a mapping of options.")
    mine: Mapping[str, Any] = whole_numbers(given.get(spec.step, {}))
    for option in mine:
        if option in form.swept:
            raise BadRequest(
                f"{OTHERS}.{spec.step}.{option}: variants of {spec.step} set {option} themselves, so it "
                "can't be changed for all of them; edit the sweep."
            )
    return mine


def _is_fresh(spec: TaskSpec, form: Form, given: Any) -> bool:
    steps = [given] if isinstance(given, str) else given
    if not isinstance(steps, list):
        raise BadRequest(f'{FRESH}: must be a list of steps, such as ["student"].')
    for step in steps:
        if step not in form.steps:
            raise BadRequest(f"{FRESH}: no step '{step}'. {did_you_mean(str(step), form.steps)}")
    return spec.step in steps and not spec.brought  # no pod could read its files again


def _takes_seed_as_word(spec: TaskSpec, seed: Any) -> bool:
    """False where an option of the plugin is called so; BadRequest where no such seed can be chosen."""
    found = plugin(spec.stage, spec.plugin).load()
    if takes_seed(found):
        return False
    problem = (
        seed_problem(seed)
        if draws(spec.stage, found)
        else f"{spec.stage} draws nothing at random; remove it."
    )
    if problem:
        raise BadRequest(f"{OTHERS}.{spec.step}.{SEED}: {problem}")
    return True
