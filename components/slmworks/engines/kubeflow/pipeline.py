"""Plan -> Kubeflow pipelines: one up to the approval, and one for the steps behind it.

A refused gate is a normal end: it exits 0 with the value False, a condition for the steps behind it. Nothing
waits in a pod for a person: the first pipeline ends at `register`.
"""

import json
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.component import (
    COMMAND,
    MADE,
    PASSED,
    component,
    container,
    slots,
    slug,
    with_inputs,
)
from slmworks.engines.kubeflow.inputs import Input, Inputs
from slmworks.engines.kubeflow.pod import check_pods, equip
from slmworks.engines.kubeflow.told import EARLIER, EARLIER_RUN, REQUESTER, RUN
from slmworks.engines.local_files import reads_disk
from slmworks.execution.encoded import pack
from slmworks.execution.identity import identify
from slmworks.fetch import Source
from slmworks.numbers.figures import size
from slmworks.recipe.plan import Plan, PlannedTask, plan_record

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

CLOSE = "close"
"""Name of the task that ends every run."""
ARGUMENT, ARTIFACT = 110_000, 700
"""Bytes that Kubeflow can pass to a task in one argument, and those of one input artifact among them."""

AFTER = "first_run"
"""Parameter of the second pipeline: the run whose release was approved."""


@dataclass(frozen=True)
class Compiled:
    """A recipe as Kubeflow takes it: YAML, one document for the pipeline and one for Kubernetes."""

    first: str
    """Up to the approval."""
    second: str = ""
    """The pipeline behind the approval; empty if there is none."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """The plan as the record of a run of the first pipeline keeps it."""


def compile_plan(
    plan: Plan,
    engine: EngineFile,
    store: str,
    sources: Mapping[str, Mapping[str, Source]],
    fresh: frozenset[str] = frozenset(),
) -> Compiled:
    """Lower a plan. `sources` are its outside references by task and name, local files pinned."""
    require_kfp()
    check_pods(engine)
    build = _Build(plan, engine, store, sources, Inputs(plan, sources, tuple(sorted(fresh))))
    after = [task for task in plan if task.after_approval]
    second = build.segment(after, f"{plan.recipe.name} after approval") if after else ""
    first = [task for task in plan if not task.after_approval]
    record = plan_record(plan, engine.settings.costs)
    return Compiled(build.segment(first, plan.recipe.name, second), second, record)


def require_kfp() -> None:
    """BadRequest with the install line where `kfp` is missing."""
    from importlib.util import find_spec

    for module in ("kfp", "kfp.kubernetes"):
        if find_spec(module) is None:
            raise BadRequest(
                "Kubeflow needs a package that is not installed: pip install 'slmworks[kubeflow]'"
            )


def _in_order(text: str, inputs: Mapping[str, Input]) -> str:
    """A compiled file whose comments on inputs have one order: protobuf's mappings have one a process."""
    comments = {
        f"#    {name}: {one.hint.__name__} [Default: ": json.dumps(
            one.value, sort_keys=True, ensure_ascii=False
        )
        for name, one in inputs.items()
        if one.hint in (dict, list)
    }
    lines = [
        next((f"{start}{value}]" for start, value in comments.items() if line.startswith(start)), line)
        for line in text.split("\n")
    ]
    return "\n".join(lines)


@dataclass
class _Build:
    plan: Plan
    engine: EngineFile
    store: str
    sources: Mapping[str, Mapping[str, Source]]
    inputs: Inputs
    made: dict[str, "PipelineTask"] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    """Name on Kubeflow -> id."""

    def segment(self, tasks: list[PlannedTask], name: str, second: str = "") -> str:
        """The YAML of one pipeline."""
        from kfp import compiler, dsl

        self.made = {}
        ids = {task.id for task in tasks}
        later = any(need not in ids for task in tasks for need in task.needs)

        wanted = {AFTER: Input(str, None)} if later else self.inputs.of_pipeline()

        def line(**given: Any) -> None:
            with dsl.ExitHandler(self._closing(tasks, second, given), name=self.plan.recipe.name):
                for gate, behind in self._by_gate(tasks).items():
                    with self._passed(gate):
                        for task in behind:
                            self._add(task, given)

        about = self.plan.recipe.description or f"The recipe {self.plan.recipe.name}."
        pipeline = dsl.pipeline(name=slug(name), description=about)(with_inputs(line, wanted))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            compiler.Compiler().compile(pipeline, str(path))
            return _in_order(path.read_text(encoding="utf-8"), wanted)

    def _add(self, task: PlannedTask, inputs: Mapping[str, Any]) -> None:
        """Add a task; `inputs` are the pipeline's."""
        from kfp import dsl

        self._refuse_twin(task)
        taken = {slot.name: slot.maker for slot in slots(task)}
        here = {name: maker for name, maker in taken.items() if maker in self.made}
        earlier = {name: maker for name, maker in taken.items() if maker not in self.made}
        sources, pod = self.sources.get(task.id, {}), self.engine.pod(task)
        spec = task.spec(
            run="",
            store=self.store,
            sources=sources,
            threads=pod.threads,
            workers=self.engine.workers(task),
            recipe=self.plan.recipe.name,
        )
        if reads_disk(sources):  # no pod sees them, and there may be thousands
            identity = identify(spec, task.configured, {}, sources)
            spec = spec.model_copy(update={"sources": {}, "brought": identity})
        told = self.inputs.of_task(task, spec)
        given = {name: inputs.get(name, one.value) for name, one in told.items()}
        hints = {name: one.hint for name, one in told.items()} | {RUN: str}
        given[RUN] = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        if earlier:
            given |= {EARLIER: json.dumps(earlier), EARLIER_RUN: inputs[AFTER]}
            hints |= {EARLIER: str, EARLIER_RUN: str}
        makers = {name: self.plan.tasks[maker] for name, maker in here.items()}
        image = self.engine.image(task)
        added = component(task, image, makers, hints)(
            **given, **{name: self.made[maker].outputs[MADE] for name, maker in here.items()}
        )
        added.set_display_name(task.id)
        self._refuse_long(task, told, len(taken))
        self.made[task.id] = equip(added, self.engine, pod, image, self.engine.secrets(task))

    def _by_gate(self, tasks: list[PlannedTask]) -> dict[str, list[PlannedTask]]:
        """Gate -> the tasks that only run where it let a candidate through; '' for those before any gate."""
        ids = {task.id for task in tasks}
        behind: dict[str, str] = {}
        found: dict[str, list[PlannedTask]] = {"": []}
        for task in tasks:  # each after those that it needs
            needs = [need for need in task.needs if need in ids]
            gates = {self._gate(need) or behind[need] for need in needs} - {""}
            if len(gates) > 1:
                raise BadRequest(
                    f"{self.plan.recipe.at('steps', task.step)}: follows {len(gates)} gates "
                    f"({', '.join(sorted(gates))}), which Kubeflow can't express; let it follow one."
                )
            behind[task.id] = next(iter(gates), "")
            found.setdefault(behind[task.id], []).append(task)
        return found

    def _gate(self, task_id: str) -> str:
        """The task itself if it is a gate, else ''."""
        return task_id if self.plan.tasks[task_id].configured.decides else ""

    def _passed(self, gate: str) -> AbstractContextManager[Any]:
        """The condition that a gate accepted a candidate."""
        from kfp import dsl

        if not gate:
            return nullcontext()
        condition = self.made[gate].outputs[PASSED] == True  # noqa: E712 - an expression of kfp's
        return cast("AbstractContextManager[Any]", dsl.If(condition, name="passed"))

    def _refuse_twin(self, task: PlannedTask) -> None:
        """Names that are one name on Kubeflow: its pages would show the states of the wrong task."""
        name, place = slug(task.id), self.plan.recipe.at("steps", task.step)
        twin = self.named.setdefault(name, task.id)
        other = "the task that ends every run" if name == CLOSE else f"'{twin}'"
        if name == CLOSE or twin != task.id:
            raise BadRequest(f"{place}: is called '{name}' on Kubeflow, as is {other}; rename the step.")

    def _refuse_long(self, task: PlannedTask, told: Mapping[str, Input], artifacts: int) -> None:
        """Refuse arguments that do not fit into one of a process: 128 kB."""
        length = sum(len(json.dumps(one.value)) for one in told.values()) + artifacts * ARTIFACT
        if length > ARGUMENT:
            place = self.plan.recipe.at("steps", task.step)
            raise BadRequest(
                f"{place}: {task.id} would be told {size(length)} "
                f"({artifacts} inputs), and Kubeflow takes {size(ARGUMENT)}; sweep fewer branches."
            )

    def _closing(self, tasks: list[PlannedTask], second: str, inputs: Mapping[str, Any]) -> "PipelineTask":
        """The task that runs last, whatever happened: it ends the run's record."""
        from kfp import dsl

        record = plan_record(self.plan, self.engine.settings.costs)
        if all(task.after_approval for task in tasks):
            record["plan"] = [task.edge() for task in tasks]
        given = {
            "recipe": record.pop("recipe"),
            "store": self.store,
            "what": pack({"after_approval": second, **record}),
            RUN: dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            REQUESTER: inputs.get(REQUESTER, ""),
        }
        annotations = {**dict.fromkeys(given, str), "status": dsl.PipelineTaskFinalStatus}
        image = self.engine.core_image()
        description = "End the run's record and bring MLflow up to date."
        made = container(CLOSE, description, annotations, image, (*COMMAND, "close", "--executor-input"))
        closing = made(**given)
        closing.set_display_name(CLOSE)
        return equip(closing, self.engine, self.engine.pod(None), image, self.engine.secrets(None))
