"""Plan -> inputs of a pipeline (the form of "Create run"), and the plain parameters of each of its tasks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slmworks.contract.catalog import plugin
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import configure, plain
from slmworks.engines.form import OTHER_OPTIONS, is_settled, kind_of, option_fields
from slmworks.engines.kubeflow.told import (
    FAMILY,
    FORM,
    FRESH,
    OTHERS,
    PLUGIN,
    REQUESTER,
    SPEC,
    Form,
    escaped,
    handed_on,
    is_carried,
    parameter,
    rest_of,
)
from slmworks.engines.local_files import reads_disk
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.recipe.edited import SEED
from slmworks.recipe.plan import Plan, PlannedTask

TYPES: Mapping[str, type] = {
    "boolean": bool,
    "integer": int,
    "number": float,
    "string": str,
    "array": list,
    "object": dict,
}
"""Type of JSON schema -> the annotation that Kubeflow's compiler reads."""


@dataclass(frozen=True)
class Input:
    """One parameter with a value: an input of the pipeline, or a constant of a task."""

    hint: type
    """Annotation of the parameter."""
    value: Any
    description: str = ""
    text: bool = False
    """True if the value is YAML text."""


@dataclass
class Inputs:
    """What a run of a plan's first pipeline may change."""

    plan: Plan
    sources: Mapping[str, Mapping[str, Source]]
    fresh: tuple[str, ...] = ()
    """Steps that are run again unless a run says otherwise."""
    _of_options: dict[tuple[str, str], Input] = field(init=False)
    """Step and option -> the input that it has of its own."""
    _closed: frozenset[str] = field(init=False)
    """Steps whose options a run can't change."""

    def __post_init__(self) -> None:
        """Find what a run may change."""
        own = [task for task in self.plan if not task.brings]
        self._closed = frozenset(
            task.step for task in own if is_settled(task) or reads_disk(self.sources.get(task.id, {}))
        )
        self._of_options = dict(self._found())

    def of_pipeline(self) -> dict[str, Input]:
        """Name -> input, in the order of the recipe."""
        options = {parameter(*where): one for where, one in self._of_options.items()}
        requester = "Who starts this run, for its record: Kubeflow tells its tasks no user."
        again = 'Steps that are run again though they were done before: ["student"].'
        here = {task.step for task in self.plan if not task.after_approval}
        return {
            **options,
            OTHERS: Input(dict, {}, str(OTHER_OPTIONS["description"])),
            FRESH: Input(list, [step for step in self.fresh if step in here], again),
            REQUESTER: Input(str, "", requester),
        }

    def of_task(self, task: PlannedTask, spec: TaskSpec) -> dict[str, Input]:
        """The parameters of a task's component; those called like one of the pipeline's have its value."""
        own = dict(self._own(task))
        given = {
            PLUGIN: Input(str, f"{task.stage} {task.plugin}"),
            FAMILY: Input(str, family(task)),
            **{parameter(task.step, option): one for option, one in own.items()},
            SPEC: _rest(task, spec, tuple(own)),
            FORM: Input(str, escaped(self._form(task, own).model_dump(mode="json", exclude_defaults=True))),
        }
        everybody = self.of_pipeline()
        if task.after_approval:
            return given | ({FRESH: Input(list, [task.step])} if task.step in self.fresh else {})
        shared = (OTHERS, FRESH, REQUESTER) if self._is_open(task) else (FRESH, REQUESTER)
        return given | {name: everybody[name] for name in shared}

    def _form(self, task: PlannedTask, own: Mapping[str, Input]) -> Form:
        beside = [one.step for one in self.plan if one.after_approval == task.after_approval]
        steps = tuple(dict.fromkeys(beside))
        return Form(
            steps=steps,
            settled=tuple(step for step in steps if step in self._closed),
            swept=self._swept(task.step),
            text=tuple(option for option, one in own.items() if one.text),
        )

    # --- options -----------------------------------------------------------------------------------

    def _found(self) -> Iterator[tuple[tuple[str, str], Input]]:
        for (step, option), said in option_fields(self.plan).items():
            tasks = [task for task in self.plan if task.step == step and not task.brings]
            if step in self._closed or option in self._swept(step) or option != option.lower():
                continue
            found = _input(said["default"], said, option, tasks)
            if found is not None:
                yield (step, option), found

    def _own(self, task: PlannedTask) -> Iterator[tuple[str, Input]]:
        """The options of a task that its recipe sets, each with its parameter."""
        if task.brings:
            return
        options = self.plan.recipe.steps[task.step].options
        schema = plugin(task.stage, task.plugin).load().model_json_schema()
        for option in dict.fromkeys((*options, *self._swept(task.step))):
            known = schema["properties"].get(option)
            if (task.step, option) in self._of_options and self._is_open(task):
                yield option, self._of_options[task.step, option]
            elif known is not None and option == option.lower():
                value = task.options[option]
                said = kind_of(known, schema.get("$defs", {}), value)
                if found := _input(value, said, option, [task]):
                    yield option, found

    def _swept(self, step: str) -> tuple[str, ...]:
        """Options that the variants of a step set themselves, and its seed where they do."""
        variants = self.plan.recipe.steps[step].sweep
        words = [word for one in variants for word in (*one.get("with", {}), *({SEED} & one.keys()))]
        return tuple(dict.fromkeys(words))

    def _is_open(self, task: PlannedTask) -> bool:
        """True if a run may change the task's options."""
        return not task.brings and task.step not in self._closed


def family(task: PlannedTask) -> str:
    """The distribution that a task's plugin is of, with its version."""
    found = plugin(task.stage, task.plugin)
    return f"{found.distribution} {found.version}"


def _input(value: Any, said: Mapping[str, Any], option: str, tasks: list[PlannedTask]) -> Input | None:
    """The parameter of an option; None where no text or number of Kubeflow's comes to the same option."""
    about = " ".join(str(said.get("description", "")).split())
    if words := said.get("enum"):
        about = f"{about} One of: {', '.join(map(str, words))}.".strip()
    hint = _hint(said.get("type"))
    if hint is not None and is_carried(value):
        sent = float(value) if hint is float else value
        if all(_same(task, option, handed_on(sent)) for task in tasks):
            return Input(hint, sent, about)
    if all(_same(task, option, json.loads(escaped(value))) for task in tasks):
        return Input(str, escaped(value), f"{about} (YAML)".strip(), text=True)
    return None


def _hint(types: Any) -> type | None:
    named = {types} if isinstance(types, str) else set(types or ()) - {"null"}
    return TYPES.get(named.pop()) if len(named) == 1 else None


def _same(task: PlannedTask, option: str, value: Any) -> bool:
    return _comes_to(task, {**task.options, option: value})


def _comes_to(task: PlannedTask, options: Mapping[str, Any]) -> bool:
    """True if the task is the same with these options, as they would be read in a pod."""
    try:
        found = configure(type(task.configured), task.plugin, options)
    except BadRequest:
        return False
    return json.dumps(plain(found), sort_keys=True) == json.dumps(task.options, sort_keys=True)


def _rest(task: PlannedTask, spec: TaskSpec, said: tuple[str, ...]) -> Input:
    """The rest of a spec, as a mapping where Kubeflow hands it on unchanged, else as JSON text."""
    rest = rest_of(spec, said)
    given = rest.get("options", {})
    options = {name: value for name, value in given.items() if value is not None}  # their defaults
    same = _comes_to(task, {name: task.options[name] for name in said} | handed_on(options))
    shown = {**rest, "options": options} if options else {k: v for k, v in rest.items() if k != "options"}
    about = {name: value for name, value in rest.items() if name != "options"}
    if same and is_carried(shown) and json.dumps(handed_on(about)) == json.dumps(about):
        return Input(dict, shown)
    return Input(str, escaped(rest), text=True)
