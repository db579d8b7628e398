"""The contract of a step: typed ports and traits on the stage, validated options on the plugin.

A *stage* (Finetune, Distill, …) is an abstract class whose `run` declares ports: its keyword-only
parameters. Their types say the kind of artifact, `| None` makes one optional, `Sequence[...]` joins a
fan-out, the return type is the one output. A *plugin* subclasses a stage; its fields are its options, its
class attributes are traits. Its `run` names the ports that it takes: every required one, and of the optional
ones those it has a use for.

Nothing in here knows a recipe, a store or an orchestrator.
"""

import collections.abc
import contextlib
import inspect
import types
import typing
from abc import ABC
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import ConfigDict

from slmworks.contract.artifact import Artifact, Files, Model, Selection
from slmworks.contract.documented import Documented
from slmworks.contract.ledger import Ledger, MemoryLedger

if TYPE_CHECKING:
    from slmworks.contract.workers import Workers

A = TypeVar("A", bound=Artifact)


class Stage(Documented, ABC):
    """Root of all stages. Subclasses declare `run(self, *, <ports>, task: Task) -> <Artifact>`.

    Traits are class attributes (`ClassVar`), in three groups: what it takes, what it makes, how it runs.
    Planner, engines, lineage and command line ask them and name no stage. Those marked *stage* hold for every
    plugin of a stage and are set there; the others are the plugin's.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        allow_inf_nan=False,
    )

    # --- takes -------------------------------------------------------------------------------------

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Dataset port -> the splits it reads: only those are handed over, and count in its identity."""
    ignores: ClassVar[frozenset[str]] = frozenset()
    """Ports that this plugin has no use for, and that a recipe may connect or leave out all the same: they
    are not handed over (`run` gets None where it names one), nor part of its identity. An optional port that
    is neither named by `run` nor in here is refused in a recipe."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Optional ports of the stage that this plugin cannot do without (`calibration`, …)."""
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Model port -> the formats that this plugin can take; a port that isn't named takes any."""
    model_tasks: ClassVar[tuple[str, ...]] = ()
    """Model tasks it works for (`text-classification`, …); empty: any."""
    port_model_tasks: ClassVar[Mapping[str, str]] = {}
    """Port -> the model task of what it takes, where that is another than the plugin's."""

    # --- makes -------------------------------------------------------------------------------------

    produces: ClassVar[str] = ""
    """Format of the model it makes; empty: the format of its model input."""
    makes_model_task: ClassVar[str] = ""
    """Model task of its result; empty: that of its model input."""
    deterministic: ClassVar[bool] = False
    """Same inputs and options give the same bytes on any machine."""
    relations: ClassVar[Mapping[str, str]] = {}
    """*Stage*: port -> relation of the result to that input, for the lineage (`distilled-from`)."""
    of_new: ClassVar[frozenset[str]] = frozenset()
    """Options that say how a new model is made; a step that goes on with a given one leaves them out."""
    same_network: ClassVar[str] = ""
    """*Stage*: model port whose network the result has, trained further (finetune)."""
    decides: ClassVar[bool] = False
    """*Stage*: makes a Verdict; if it refuses, the steps behind it do not run (gate)."""
    selects: ClassVar[bool] = False
    """*Stage*: makes a Selection; steps that name it in `when` run for those only that go on (select)."""
    registers: ClassVar[bool] = False
    """*Stage*: enters a Release in the registry as a candidate (register)."""

    # --- runs --------------------------------------------------------------------------------------

    default: ClassVar[str | None] = None
    """*Stage*: its plugin in a recipe without `uses`."""
    once: ClassVar[bool] = False
    """*Stage*: acts on the world, so a sweep that reaches it is refused (register, approve, deploy)."""
    barrier: ClassVar[bool] = False
    """*Stage*: it and the steps behind it run only after a person has approved its release (approve)."""
    cacheable: ClassVar[bool] = True
    """May be skipped when the same task was done before."""
    runs_models: ClassVar[bool] = False
    """Computes with models through their runtimes, or by a model task's measures or strata. That code is part
    of its identity, and a plugin of the core runs where it is installed."""
    runs_in: ClassVar[str] = ""
    """The distribution whose environment it runs in, if not the plugin's own (torch, to run a teacher)."""
    depends_on: ClassVar[tuple[str, ...]] = ()
    """Further parts of its identity: a package (by its version), `cpu` (model name), `threads`."""
    max_threads: ClassVar[int | None] = None
    """The most threads it can put to use; None: as many as there are."""
    light: ClassVar[bool] = False
    """Needs no thread budget of its own: runs beside anything."""
    spreads: ClassVar[bool] = False
    """Can spread its work among the workers of an engine (`Task.workers`); with the same result."""
    exclusive: ClassVar[bool] = False
    """Nothing else may run beside it (it measures time or memory)."""

    def made_for(self) -> str:
        """Model task of this plugin's result with its options; empty: that of its model input."""
        return self.makes_model_task

    def check_model_task(self, name: str) -> None:
        """OptionError for an option that doesn't go with the model task of its model or data."""

    def parts(self) -> Mapping[str, type[Documented]]:
        """Further plugins that its options name and that it runs (row operators): by a name for each.

        Their code, and what they say they depend on (`depends_on`), are part of the task's identity.
        """
        return {}

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest where nothing that is trained from `model`, a pretrained one, can be taken at `port`.

        Called as soon as that model is there, before anything is trained from it; the default takes any.
        """


@dataclass(frozen=True)
class Port:
    """One input of a stage."""

    name: str
    kind: type[Artifact] | None
    """The kind of artifact it takes; None for the open port of `fetch` (any names, outside sources)."""
    optional: bool = False
    many: bool = False
    """A `Sequence`: joins the branches of a sweep, and takes a list of steps."""

    @property
    def noun(self) -> str:
        """What it takes, for people; empty for the open port."""
        if self.kind is None:
            return ""
        return "Dataset or Files" if self.kind is Artifact else self.kind.kind


WHEN = "when"
"""Inlet of every task, beside the ports of its stage: a Selection, and the candidate whose task it is. The
task runs only if the candidate goes on; neither is part of its identity."""


@cache
def inlets(stage: type[Stage]) -> Mapping[str, Port]:
    """What a task of a stage or plugin can be given: its ports, and `when`."""
    return {**ports(stage), WHEN: Port(WHEN, Selection, optional=True, many=True)}


@cache
def ports(stage: type[Stage]) -> Mapping[str, Port]:
    """The ports of a stage, read from the type hints of its abstract `run`, or those of a plugin.

    A plugin's `run` may leave out optional ports: these are none of its ports, unless it `ignores` them.
    """
    hints = typing.get_type_hints(_abstract_run(stage))
    found = (_port(name, hint) for name, hint in hints.items() if name not in ("task", "return"))
    given = takes(stage) | stage.ignores
    return {port.name: port for port in found if not port.optional or port.name in given}


@cache
def takes(stage: type[Stage]) -> frozenset[str]:
    """Names of the parameters of a plugin's `run`: its ports and `task`, but no `**`, which gets nothing."""
    named = inspect.signature(stage.run).parameters.values()  # type: ignore[attr-defined]
    return frozenset(one.name for one in named if one.kind is not one.VAR_KEYWORD) - {"self"}


@cache
def task_class(stage: type[Stage]) -> type["Task"]:
    """The class of `task` that a stage's abstract `run` asks for: `Task`, or one that knows more."""
    found: type[Task] = typing.get_type_hints(_abstract_run(stage))["task"]
    return found


@cache
def output(stage: type[Stage]) -> type[Artifact]:
    """The kind of artifact that a stage or plugin makes; the first one, if a stage allows several."""
    hint = typing.get_type_hints(stage.run)["return"]  # type: ignore[attr-defined]
    return typing.cast("type[Artifact]", next(iter(typing.get_args(hint)), hint))


def _abstract_run(stage: type[Stage]) -> Any:
    """The `run` nearest to the root: the one that declares the ports."""
    return next(vars(one)["run"] for one in reversed(stage.__mro__) if "run" in vars(one))


def _port(name: str, hint: Any) -> Port:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is collections.abc.Mapping:
        return Port(name, None)
    if origin is collections.abc.Sequence:
        return Port(name, args[0], many=True)
    if origin in (typing.Union, types.UnionType):
        (kind,) = (arg for arg in args if arg is not types.NoneType)
        return replace(_port(name, kind), optional=True)
    return Port(name, hint)


Emit = Callable[[dict[str, Any]], None]
"""Takes one event of a running task: progress, metrics or a line of text."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Folders, budgets and events of a running task, for its plugin. Knows no engine and no MLflow."""

    output: Path
    """Empty folder to fill; return an artifact whose `path` it is."""
    scratch: Path
    """Folder for intermediate files; swept afterwards."""
    checkpoints: Path | None = None
    """Folder that the next attempt of the same task finds again if this one is killed; removed when it is
    done. Make it when there is something to keep. None where nothing outlives an attempt."""
    threads: int = 1
    """Thread budget: pass it to every library that starts threads."""
    seed: int = 0
    """Seed for every random choice."""
    emit: Emit = lambda _event: None
    """Takes the task's events; use `progress`, `log` and `say`."""
    resolve: Callable[[str], Artifact] | None = None
    """From a digest to the artifact in the store; use `fetch` and `open`."""
    share_with: "ShareWith | None" = None
    """Finds or keeps an intermediate result in the store; use `share`."""
    ledger_of: "LedgerOf | None" = None
    """Opens a teacher's ledger in the store; use `ledger`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Digest of a model that given reports are about -> the step that made it, as its recipe calls it."""
    cost_of: Callable[[str], float] | None = None
    """From a digest to the CPU-seconds that it took to make it; use `cost`."""
    workers_of: "WorkersOf | None" = None
    """Starts the workers of an engine; use `workers`."""

    def progress(
        self, done: float, total: float | None = None, *, unit: str = "rows", note: str = ""
    ) -> None:
        """Report progress: `done` of `total` units; `note` names the part (`epoch 2/3`)."""
        self.emit({"event": "progress", "done": done, "total": total, "unit": unit, "note": note})

    def log(self, step: int, **metrics: float) -> None:
        """Record metrics at a step of training (`loss=0.41`); they become curves in MLflow."""
        self.emit({"event": "metrics", "step": step, "metrics": metrics})

    def say(self, line: str) -> None:
        """Print one line for people."""
        self.emit({"event": "line", "line": line})

    def fetch(self, artifact: Artifact, role: str, kind: type[A]) -> A:
        """The artifact that `artifact.refs[role]` names, as `kind`."""
        return self.open(artifact.refs[role], kind)

    def open(self, digest: str, kind: type[A]) -> A:
        """An artifact of the store, as `kind`."""
        if self.resolve is None:
            raise LookupError("this task was started without a store")
        found = self.resolve(digest)
        if isinstance(found, Files) and not issubclass(kind, Files):
            found = kind.from_files(found)  # type: ignore[attr-defined]
        if not isinstance(found, kind):
            raise TypeError(f"{digest[:12]} is a {found.kind}, not a {kind.kind}")
        return found

    def share(
        self,
        name: str,
        *,
        inputs: Mapping[str, Artifact],
        options: Mapping[str, Any],
        build: Callable[[Path], None],
    ) -> Files:
        """An intermediate result that other tasks can use too (a teacher's logits).

        `build(folder)` fills an empty folder; it is called only if no task with the same name, `inputs` (by
        digest), `options` and code (of the module that defines `build`) has done so before. Everything that
        the result depends on must be among those.
        """
        if self.share_with is not None:
            return self.share_with(name, inputs, options, build)
        folder = self.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        build(folder)
        return Files(path=folder)

    def cost(self, digest: str) -> float:
        """CPU-seconds of the task that made an artifact; 0 where nobody has measured it."""
        return self.cost_of(digest) if self.cost_of is not None else 0.0

    @contextlib.contextmanager
    def workers(self) -> "Iterator[Workers | None]":
        """Workers of the engine that the engine file names; None where it names none: all is done here."""
        if self.workers_of is None:
            yield None
            return
        with self.workers_of(self.scratch) as found:
            yield found

    @contextlib.contextmanager
    def ledger(
        self, name: str, *, teacher: Artifact, options: Mapping[str, Any], version: int
    ) -> Iterator[Ledger]:
        """What a teacher has produced so far, row by row, for every task that asks it the same.

        Unlike what `share` keeps, it grows: what was added stays, even if this task is killed. `name`
        (`answers`), the teacher (`Artifact.as_teacher`), `options` (JSON values) and `version` are its
        identity. The version is raised by hand when other entries are made than before: what was paid for
        isn't thrown away because code moved. Nobody else on this machine has the ledger while the block runs.
        """
        if self.ledger_of is None:
            yield MemoryLedger()
            return
        with self.ledger_of(name, teacher, options, version) as found:
            yield found


LedgerOf = Callable[[str, Artifact, Mapping[str, Any], int], contextlib.AbstractContextManager[Ledger]]
"""Takes name, teacher, options and version."""

WorkersOf = Callable[[Path], "contextlib.AbstractContextManager[Workers]"]
"""Takes a folder for what workers must keep meanwhile."""

ShareWith = Callable[
    [str, Mapping[str, Artifact], Mapping[str, Any], Callable[[Path], None]],
    Files,
]
"""Takes name, inputs, options and the function that builds it."""
