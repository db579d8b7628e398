"""The contract of a step: typed ports on the stage, validated options on the plugin.

A *stage* (Finetune, Distill, …) is an abstract class whose `run` declares ports: its keyword-only
parameters. Their types say the kind of artifact, `| None` makes one optional, `Sequence[...]` joins a
fan-out, the return type is the one output. A *plugin* subclasses a stage; its fields are its options.

Nothing in here knows a recipe, a store or an orchestrator.
"""

import collections.abc
import types
import typing
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict

from slmworks.contract.artifact import Artifact, Files
from slmworks.contract.documented import Documented

if typing.TYPE_CHECKING:
    from slmworks.registry.log import Registry

A = TypeVar("A", bound=Artifact)


class Stage(Documented, ABC):
    """Root of all stages. Subclasses declare `run(self, *, <ports>, task: Task) -> <Artifact>`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        allow_inf_nan=False,
    )

    default: ClassVar[str | None] = None
    """On a stage: the plugin that is meant when a recipe doesn't say `uses`."""
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Dataset port -> the splits this plugin reads. Only those are handed over and count in its identity."""
    ignores: ClassVar[frozenset[str]] = frozenset()
    """Ports this plugin has no use for: not handed over, not part of its identity."""
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Port -> the formats this plugin can take; a port that isn't named takes any."""
    produces: ClassVar[str] = ""
    """Format of what it makes; empty: the format of its model input."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """Model tasks it works for (`classification`, …); empty: any."""
    makes_task: ClassVar[str] = ""
    """Model task of what it makes; empty: the task of its model input."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Optional ports of the stage that this plugin cannot do without (`calibration`, …)."""
    deterministic: ClassVar[bool] = False
    """Same inputs and options give the same bytes on any machine."""
    cacheable: ClassVar[bool] = True
    """May be skipped when the same task was done before."""
    exclusive: ClassVar[bool] = False
    """Nothing else may run beside it (it measures time or memory)."""
    light: ClassVar[bool] = False
    """Needs no thread budget of its own: runs beside anything."""
    max_threads: ClassVar[int | None] = None
    """The most threads it can put to use; None: as many as there are."""
    runs_in: ClassVar[str] = ""
    """Distribution whose environment it needs, where that isn't its own's (torch, to run a teacher)."""
    depends_on: ClassVar[tuple[str, ...]] = ()
    """What else belongs to its identity: a package (its version), `cpu` (model name), `threads`."""


@dataclass(frozen=True)
class Port:
    """One input of a stage."""

    name: str
    kind: type[Artifact] | None
    """The kind of artifact it takes; None for the open port of `fetch` (any names, outside sources)."""
    optional: bool = False
    many: bool = False
    """A `Sequence`: joins the branches of a sweep, and takes a list of steps."""


@cache
def ports(stage: type[Stage]) -> Mapping[str, Port]:
    """The ports of a stage or plugin, read from the type hints of its `run`."""
    hints = _hints(stage)
    return {name: _port(name, hint) for name, hint in hints.items() if name not in ("task", "return")}


@cache
def output(stage: type[Stage]) -> type[Artifact]:
    """The kind of artifact that a stage or plugin makes; the usual one, where a stage allows others."""
    hint = _hints(stage)["return"]
    return typing.cast("type[Artifact]", next(iter(typing.get_args(hint)), hint))


def _hints(stage: type[Stage]) -> dict[str, Any]:
    from slmworks.fetch import Source

    return typing.get_type_hints(stage.run, localns={"Source": Source})  # type: ignore[attr-defined]


def _port(name: str, hint: Any) -> Port:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is collections.abc.Mapping:
        return Port(name, None)
    if origin is collections.abc.Sequence:
        return Port(name, args[0], many=True)
    if origin in (typing.Union, types.UnionType):
        (kind,) = (arg for arg in args if arg is not types.NoneType)
        return Port(name, kind, optional=True)
    return Port(name, hint)


Emit = Callable[[dict[str, Any]], None]
"""Takes one event of a running task: progress, metrics or a line of text."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A plugin's small window on the task it is running. Knows no MLflow, Kubeflow or Airflow."""

    output: Path
    """Empty folder to fill; return an artifact whose `path` it is."""
    scratch: Path
    """Folder for intermediate files; swept afterwards."""
    threads: int = 1
    """Thread budget: pass it to every library that starts threads."""
    seed: int = 0
    """Seed for every random choice."""
    emit: Emit = lambda _event: None
    """Where events go; use `progress`, `log` and `say`."""
    resolve: Callable[[str], Artifact] | None = None
    share_with: "ShareWith | None" = None
    open_registry: "Callable[[], Registry] | None" = None

    def progress(
        self, done: float, total: float | None = None, *, unit: str = "rows", note: str = ""
    ) -> None:
        """Say how far the work is: `done` of `total` units; `note` names the part (`epoch 2/3`)."""
        self.emit({"event": "progress", "done": done, "total": total, "unit": unit, "note": note})

    def log(self, step: int, **metrics: float) -> None:
        """Record metrics at a step of training (`loss=0.41`); they become curves in MLflow."""
        self.emit({"event": "metrics", "step": step, "metrics": metrics})

    def say(self, line: str) -> None:
        """One line for people."""
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
        digest), `options` and code (of the module that defines `build`) has done so before. What it depends
        on must be in those.
        """
        if self.share_with is not None:
            return self.share_with(name, inputs, options, build)
        folder = self.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        build(folder)
        return Files(path=folder)

    @property
    def registry(self) -> "Registry":
        """The registry of the store this task commits to (for register, approve and deploy)."""
        if self.open_registry is None:
            raise LookupError("this task was started without a registry")
        return self.open_registry()


ShareWith = Callable[
    [str, Mapping[str, Artifact], Mapping[str, Any], Callable[[Path], None]],
    Files,
]
"""Takes name, inputs, options and the function that builds it."""
