"""One step lowered to tasks: its inputs, and the branches of a sweep.

Every mistake within one step is found here, with its place in the file.
"""

import re
from collections.abc import Mapping
from typing import Protocol

from slmworks.contract.artifact import Artifact, Files, Model
from slmworks.contract.catalog import plugin, stage_class
from slmworks.contract.errors import BadRequest, did_you_mean, with_article
from slmworks.contract.options import configure
from slmworks.contract.stage import WHEN, Port, Stage, inlets, output, ports
from slmworks.fetch import Source
from slmworks.recipe.plan import PlannedTask
from slmworks.recipe.recipe import Recipe, Step
from slmworks.recipe.variants import Variant, variants

FETCH = "fetch"
"""The stage of tasks that the planner adds for paths, URLs and registered models of other stages' steps."""


class Maker(Protocol):
    """What a step reads from: another step, or several under one name."""

    name: str
    stage: str
    contract: type[Stage]

    @property
    def edges(self) -> Mapping[str, tuple[str, ...]]:
        """Port -> steps that it reads from itself."""


class Draft:
    """One step that is being lowered to tasks."""

    def __init__(self, recipe: Recipe, name: str, step: Step, *, look: bool = True) -> None:
        self.recipe, self.name, self.step, self.look = recipe, name, step, look
        self.stage = step.stage or name
        try:
            self.contract = stage_class(self.stage)
        except BadRequest as error:
            where = ("steps", name, "stage") if step.stage else ("steps", name)
            way = "" if step.stage else " Rename the step, or say which stage it is: `stage: …`."
            raise BadRequest(f"{recipe.at(*where)}: {error}{way}") from None
        self.ports = ports(self.contract)
        self.variants = variants(recipe, name, step, self.stage)
        self.edges: dict[str, tuple[str, ...]] = {}
        """Port, or `when` -> steps."""
        self.outside: dict[str, Source] = {}
        """Port -> outside reference (fetched by a task of its own)."""
        self.sources: dict[str, Source] = {}
        """Input name -> outside reference, where the step is a fetch itself."""

    @property
    def fetched(self) -> set[str]:
        """Ids of the fetch tasks that belong to this step."""
        return {f"{self.name}.{port}" for port in self.outside}

    def error(self, *where: str | int, problem: object) -> BadRequest:
        """A BadRequest at a place of this step."""
        return BadRequest(f"{self.recipe.at('steps', self.name, *where)}: {problem}")

    # --- from --------------------------------------------------------------------------------------

    def connect(self, drafts: Mapping[str, Maker]) -> None:
        """Resolve inputs to steps and outside references, and check them against the ports."""
        self._connect_ports(drafts)
        if self.step.when is not None:
            self.edges[WHEN] = (self._selecting(self.step.when, drafts),)

    def _connect_ports(self, drafts: Mapping[str, Maker]) -> None:
        if any(port.kind is None for port in self.ports.values()):
            self._take_sources(drafts)
            return
        for port, given in self.step.inputs.items():
            if port not in self.ports:
                raise self.error(
                    "from", port, problem=f"no such port of {self.stage}. {did_you_mean(port, self.ports)}"
                )
            self._require_taker(port)
            self._take(self.ports[port], (given,) if isinstance(given, str) else given, drafts)
        for taken in self.ports.values():
            if taken.name not in self.step.inputs:
                self._miss(taken)

    def _require_taker(self, port: str) -> None:
        """BadRequest for a port of the stage that no variant of this step takes."""
        if any(port in ports(type(variant.configured)) for variant in self.variants):
            return
        names = list(dict.fromkeys(f"{self.stage}/{variant.plugin}" for variant in self.variants))
        verb = "take" if names[1:] else "takes"
        raise self.error("from", port, problem=f"{' and '.join(names)} {verb} no {port}; remove it.")

    def _selecting(self, name: str, drafts: Mapping[str, Maker]) -> str:
        """The name of a step that makes a selection; BadRequest for any other."""
        selecting = [one for one, draft in drafts.items() if draft.contract.selects]
        if name in selecting:
            return name
        if name in drafts:
            what = f"'{name}' is {with_article(drafts[name].stage)} step"
        else:
            what = f"there is no step '{name}'"
        way = did_you_mean(name, selecting) if selecting else "Add one, of the stage select."
        raise self.error(WHEN, problem=f"names a step that selects, and {what}. {way}")

    def _take_sources(self, drafts: Mapping[str, Maker]) -> None:
        if not self.step.inputs:
            raise self.error(
                "from", problem="nothing to fetch; name at least one: `from: {train: data/train.csv}`."
            )
        for name, given in self.step.inputs.items():
            if not isinstance(given, str):
                raise self.error("from", name, problem="takes one path, glob or URL; give each its own name.")
            if given in drafts:
                raise self.error("from", name, problem=f"'{given}' is a step; fetch takes paths and URLs.")
            self.sources[name] = self._source(name, given)
            if self.sources[name].kind == "registry":
                raise self.error(
                    "from",
                    name,
                    problem="name a registered model where a step takes one: `model: models:/…`.",
                )

    def _take(self, port: Port, given: tuple[str, ...], drafts: Mapping[str, Maker]) -> None:
        if len(given) > 1 and not port.many:
            raise self.error("from", port.name, problem="takes one step, not a list.")
        steps = [one for one in given if one in drafts]
        for one in steps:
            self._fits(port, drafts[one])
        outside = [one for one in given if one not in drafts]
        for one in outside:
            if not _is_outside(one):
                problem = f"no step named '{one}'. {did_you_mean(one, drafts)}{_hub_hint(port, one)}"
                raise self.error("from", port.name, problem=problem)
            if port.kind not in (Model, Files, Artifact):
                raise self.error(
                    "from", port.name,
                    problem=f"takes a {_noun(port)} from a step; fetch and curate this first.",
                )  # fmt: skip
            self.outside[port.name] = self._source(port.name, one, hint=_hub_hint(port, one))
            if port.kind is Files and self.outside[port.name].kind == "registry":
                raise self.error("from", port.name, problem="takes Files, not a registered model.")
        if steps:
            self.edges[port.name] = tuple(steps)

    def _source(self, name: str, given: str, *, hint: str = "") -> Source:
        try:
            return Source.parse(given, folder=self.recipe.folder, look=self.look)
        except BadRequest as error:
            raise self.error("from", name, problem=f"{error}{hint}") from None
        except OSError as error:
            raise self.error("from", name, problem=f"cannot be read ({error.strerror}).") from None

    def _fits(self, port: Port, maker: Maker) -> None:
        makes = output(maker.contract)
        if port.kind is None or issubclass(makes, port.kind) or (makes is Files and port.kind is Model):
            return
        raise self.error(
            "from", port.name,
            problem=f"takes a {_noun(port)}, but '{maker.name}' ({maker.stage}) makes a {makes.kind}.",
        )  # fmt: skip

    def _miss(self, port: Port) -> None:
        wanting = next((v for v in self.variants if _needs(v.configured, port)), None)
        if wanting is not None:
            raise self.error(
                "from",
                problem=f"{wanting.plugin} needs `{port.name}:` (a {_noun(port)}); name one that makes it.",
            )

    # --- tasks -------------------------------------------------------------------------------------

    def expand(self, made: Mapping[str, list[PlannedTask]]) -> list[PlannedTask]:
        """The tasks of this step: one a combination of its inputs' coordinates and its own variants."""
        tasks = [self._fetch(port, source) for port, source in self.outside.items()]
        steps: list[PlannedTask] = []
        for inputs, coordinates in self._combinations(made):
            inputs.update({port: (f"{self.name}.{port}",) for port in self.outside})
            steps += [self._task(variant, inputs, coordinates, made) for variant in self.variants]
        if self.contract.once and len(steps) > 1:
            fan = ", ".join(sorted({key for task in steps for key in task.coordinates}))
            raise self.error(
                problem=f"{self.stage} happens once, but a sweep reaches it ({fan}); put a gate before it."
            )
        return tasks + steps

    def _task(
        self, variant: Variant, inputs: Mapping[str, tuple[str, ...]], inherited: Mapping[str, str],
        made: Mapping[str, list[PlannedTask]],
    ) -> PlannedTask:  # fmt: skip
        coordinates = dict(inherited)
        if variant.label:
            coordinates[self.name] = variant.label
        makers = [task for step in self.edges.values() for name in step for task in made[name]]
        taken = inlets(type(variant.configured))
        return PlannedTask(
            id=".".join([self.name, *coordinates.values()]),
            step=self.name,
            stage=self.stage,
            plugin=variant.plugin,
            configured=variant.configured,
            seed=variant.seed,
            inputs={port: ids for port, ids in inputs.items() if port in taken},
            sources=self.sources,
            coordinates=coordinates,
            after_approval=self.contract.barrier or any(task.after_approval for task in makers),
        )

    def _fetch(self, port: str, source: Source) -> PlannedTask:
        uses = "registered" if source.kind == "registry" else str(stage_class(FETCH).default)
        return PlannedTask(
            id=f"{self.name}.{port}",
            step=self.name,
            stage=FETCH,
            plugin=uses,
            configured=configure(plugin(FETCH, uses).load(), uses, {}),
            sources={port: source},
            brings=True,
        )

    def _combinations(
        self, made: Mapping[str, list[PlannedTask]]
    ) -> list[tuple[dict[str, tuple[str, ...]], dict[str, str]]]:
        """(port -> ids, coordinates) of every task of this step, its own variants apart."""
        joined: dict[str, tuple[str, ...]] = {}
        rows: list[tuple[dict[str, tuple[str, ...]], dict[str, str]]] = [({}, {})]
        for port, steps in self.edges.items():
            if port != WHEN and self.ports[port].many:
                joined[port] = tuple(task.id for step in steps for task in made[step])
                continue
            rows = [
                ({**inputs, port: (task.id,)}, {**coordinates, **task.coordinates})
                for inputs, coordinates in rows
                for task in made[steps[0]]
                if _agree(coordinates, task.coordinates)
            ]
        return [({**inputs, **joined}, coordinates) for inputs, coordinates in rows]


def _needs(plugin: Stage, port: Port) -> bool:
    return port.name in plugin.needs or not (port.optional or port.name in plugin.ignores)


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(other.get(key, value) == value for key, value in one.items())


def _noun(port: Port) -> str:
    return port.noun or "source"


def _hub_hint(port: Port, given: str) -> str:
    """How a model of the Hugging Face hub is written, where a name looks like one's."""
    if port.kind is not Model or not re.fullmatch(r"([A-Za-z0-9][\w.-]*/)?[\w.]+(-[\w.]+)+", given):
        return ""
    owned = given if "/" in given else f"OWNER/{given}"
    return f" If it is a model of the Hugging Face hub: hf://{owned}@REVISION."


def _is_outside(text: str) -> bool:
    return bool(re.search(r"[/.*:\\]", text))
