"""A plan: flat tasks and edges, ready for any engine. Values only; `slmworks.recipe.lower` makes them."""

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slmworks.contract.catalog import CORE, measure_family, plugin, runtime_family
from slmworks.contract.costs import Costs
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.contract.options import plain
from slmworks.contract.stage import Stage, ports
from slmworks.execution.identity import code_digest
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.fetch.url import redacted
from slmworks.recipe.recipe import Recipe
from slmworks.registry.log import Registry


@dataclass(frozen=True, kw_only=True)
class PlannedTask:
    """One task: its plugin with options, and its inputs."""

    id: str
    """`step`, `step.variant` of a sweep, or `step.port` for the fetch of an outside reference."""
    step: str
    stage: str
    plugin: str
    configured: Stage
    """The plugin with its validated options."""
    seed: int = 0
    """Seed of its random choices; in its identity where it is not 0."""
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Port -> ids of the tasks that make it: one, or several for a joining port; `when` -> the selection and
    the candidate that decide whether it runs."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Input name -> outside reference (only for fetch)."""
    coordinates: Mapping[str, str] = field(default_factory=dict)
    """Swept step -> variant."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Joining port of reports -> the step that made the model of each of them."""
    model_task: str = ""
    """Model task of its models and data; empty if unknown before anything runs."""
    after_approval: bool = False
    """True for a task that waits for an approval, and for all that follow it."""
    brings: bool = False
    """True for a fetch that the planner added for another step's path or URL."""

    @property
    def options(self) -> dict[str, Any]:
        """All options, defaults included, as JSON values."""
        return plain(self.configured)

    @property
    def family(self) -> str:
        """The distribution whose environment or image it runs in."""
        own = plugin(self.stage, self.plugin).distribution
        if own != CORE or not self.configured.runs_models:
            return self.configured.runs_in or own
        family = measure_family if self.configured.light else runtime_family
        return family(self.model_task)

    @property
    def made_from(self) -> tuple[str, ...]:
        """Ids of the tasks whose results its ports take, in the order of its stage's ports.

        Those that decide whether it runs aren't among them.
        """
        taken = (self.inputs.get(port, ()) for port in ports(type(self.configured)))
        return tuple(dict.fromkeys(itertools.chain.from_iterable(taken)))

    @property
    def needs(self) -> tuple[str, ...]:
        """Ids of the tasks that must be done before."""
        return tuple(dict.fromkeys(itertools.chain.from_iterable(self.inputs.values())))

    def spec(
        self,
        *,
        run: str,
        store: str,
        sources: Mapping[str, Source],
        threads: int = 1,
        fresh: bool = False,
        workers: Mapping[str, Any] | None = None,
        recipe: str = "",
        user: str = "",
    ) -> TaskSpec:
        """The spec to start the task with; `sources` are pinned, `workers` are an engine file's settings."""
        return TaskSpec(
            run=run,
            id=self.id,
            step=self.step,
            stage=self.stage,
            plugin=self.plugin,
            options=self.options,
            code=code_digest(plugin(self.stage, self.plugin).load()),
            sources={name: source.dump() for name, source in sources.items()},
            names=dict(self.names),
            store=store,
            threads=threads,
            seed=self.seed,
            fresh=fresh,
            workers=dict(workers or {}),
            recipe=recipe,
            user=user,
        )

    def edge(self) -> dict[str, Any]:
        """The task as a run's record keeps it."""
        return {
            "id": self.id,
            "step": self.step,
            "stage": self.stage,
            "plugin": self.plugin,
            "inputs": {port: list(ids) for port, ids in self.inputs.items()},
            "coordinates": dict(self.coordinates),
            "options": self.options,
            **({"seed": self.seed} if self.seed else {}),
            "after_approval": self.after_approval,
        }

    def given(self, made: Mapping[str, Manifest]) -> dict[str, list[Manifest]]:
        """Port -> manifests; `made` has those of the tasks it needs, by id."""
        return {port: [made[one] for one in ids] for port, ids in self.inputs.items()}


@dataclass(frozen=True)
class Plan:
    """A recipe's tasks, each after the ones it needs."""

    recipe: Recipe
    tasks: Mapping[str, PlannedTask]

    def __iter__(self) -> Iterator[PlannedTask]:
        return iter(self.tasks.values())

    def __len__(self) -> int:
        return len(self.tasks)

    def warnings(self) -> list[str]:
        """What is allowed and mostly not meant, a line each with its place."""
        return [
            f"{self.recipe.at('steps', task.step, 'from', name)}: {redacted(source.location)} is read "
            "without encryption or digest, so whoever is on the way can change it; use https, or add "
            "#sha256=…."
            for task in self
            for name, source in task.sources.items()
            if source.unprotected
        ]

    def pinned(self, registry: Registry | None) -> dict[str, dict[str, Source]]:
        """Task -> input name -> source, with the content of local files and models made part of its identity.

        So every task of a run means the same champion even if another is approved meanwhile. Without a
        registry a model's name stays unresolved.
        """
        return {
            task.id: {name: self._pin(task, name, source, registry) for name, source in task.sources.items()}
            for task in self
        }

    def _pin(self, task: PlannedTask, name: str, source: Source, registry: Registry | None) -> Source:
        try:
            return source.pin(registry)
        except BadRequest as error:
            raise BadRequest(f"{self.recipe.at('steps', task.step, 'from', name)}: {error}") from None

    def until(self, steps: Collection[str]) -> "Plan":
        """The part of the plan that these steps need (or tasks, by id), they included."""
        wanted: set[str] = set()
        for task in reversed(list(self)):  # each before those that it needs
            if (task.step in steps and not task.brings) or task.id in wanted or task.id in steps:
                wanted.update((task.id, *task.needs))
        return replace(self, tasks={id_: task for id_, task in self.tasks.items() if id_ in wanted})

    def after(self, task_id: str) -> set[str]:
        """Ids of every task that needs this one, directly or not."""
        found = {task_id}
        for task in self:
            if found.intersection(task.needs):
                found.add(task.id)
        return found - {task_id}


def plan_record(plan: Plan, costs: Costs | None = None) -> dict[str, Any]:
    """The plan as a run's record keeps it: the recipe's text, every task, and what computing costs there."""
    recipe = plan.recipe
    return {
        "recipe": recipe.name,
        "file": recipe.file,
        "text": recipe.text,
        "plan": [task.edge() for task in plan],
        **({"edits": [dict(one) for one in recipe.edits]} if recipe.edits else {}),
        **({"costs": costs.model_dump()} if costs else {}),
    }
