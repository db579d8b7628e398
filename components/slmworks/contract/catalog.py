"""Installed plugins, model tasks and runtimes: found by entry point, imported only when asked for."""

import contextlib
import importlib
import inspect
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, SlmworksError, did_you_mean, with_article
from slmworks.contract.stage import Stage, ports, takes

if TYPE_CHECKING:
    from slmworks.contract.model_task import ModelTask

STAGES = (
    "fetch", "curate", "finetune", "distill", "align", "prune", "factorize",
    "quantize", "export", "evaluate", "select", "gate", "register", "approve", "deploy",
)  # fmt: skip
"""Every stage, in the order in which a line usually has them."""
CORE = "slmworks"
"""The distribution of the core, which every environment has."""


class BrokenPlugin(SlmworksError):
    """A plugin is installed and cannot be used."""


@dataclass(frozen=True)
class Plugin:
    """An installed plugin: its names, and where it came from. Importing it is a separate step."""

    stage: str
    name: str
    entry: EntryPoint

    @property
    def distribution(self) -> str:
        """Name of the distribution that brought it."""
        return self.entry.dist.name if self.entry.dist else "unknown"

    @property
    def version(self) -> str:
        """Version of that distribution."""
        return self.entry.dist.version if self.entry.dist else "0"

    def load(self) -> type[Stage]:
        """The plugin's class, checked against its stage's contract."""
        return _load(self.stage, self.name)


def stage_class(stage: str) -> type[Stage]:
    """The contract of a stage."""
    if stage not in STAGES:
        raise BadRequest(f"no such stage '{stage}'. {did_you_mean(stage, STAGES)}")
    module = importlib.import_module(f"slmworks.{stage}")
    found: type[Stage] = getattr(module, stage.capitalize())
    return found


def traits(stage: str) -> type[Stage]:
    """The traits of a stage that a record names; the root's for a stage that this version doesn't know."""
    return stage_class(stage) if stage in STAGES else Stage


@cache
def _installed() -> Any:
    """Every installed entry point. Cached: the walk takes longer than everything else here."""
    return entry_points()


@cache
def plugins(stage: str) -> dict[str, Plugin]:
    """Name -> plugin of one stage. Two distributions with one name are an error that names both."""
    found: dict[str, Plugin] = {}
    for entry in _installed().select(group=f"slmworks.{stage}"):
        plugin = Plugin(stage, entry.name, entry)
        twin = found.setdefault(entry.name, plugin)
        if twin.entry.value != entry.value:
            raise BrokenPlugin(
                f"{stage} '{entry.name}' is offered by two distributions, {twin.distribution} and "
                f"{plugin.distribution}; uninstall one of them."
            )
    return dict(sorted(found.items()))


def plugin(stage: str, name: str) -> Plugin:
    """One plugin by name, or a BadRequest that offers the nearest."""
    known = plugins(stage)
    if name not in known:
        elsewhere = [other for other in STAGES if name in plugins(other)]
        hint = f"It is a plugin of {elsewhere[0]}." if elsewhere else did_you_mean(name, known)
        raise BadRequest(f"no such {stage} plugin '{name}'. {hint}")
    return known[name]


def others_for(stage: str, model_task: str) -> str:
    """The way out for a plugin of a stage that doesn't work for a model task: those that do, if any."""
    found = []
    for name, one in plugins(stage).items():
        with contextlib.suppress(BrokenPlugin):
            found += [f"{stage}/{name}"] if model_task in one.load().model_tasks else []
    return f"; use {' or '.join(found)}" if found else ""


def makers(stages: Iterable[str], formats: Iterable[str], model_task: str, *, of: str = "") -> list[str]:
    """Plugins of some stages that make models of these formats for a model task: `quantize/NAME`, sorted.

    `of`: only those that take a model of this format.
    """
    found = []
    for stage in stages:
        for name, one in plugins(stage).items():
            with contextlib.suppress(BrokenPlugin):
                kind = one.load()
                fits = kind.produces in formats and model_task in (kind.model_tasks or (model_task,))
                given = not of or of in kind.accepts.get("model", (of,))
                found += [f"{stage}/{name}"] if fits and given else []
    return sorted(found)


@cache
def _load(stage: str, name: str) -> type[Stage]:
    entry = plugin(stage, name)
    try:
        found = entry.entry.load()
    except Exception as error:  # noqa: BLE001 (a stranger's module may raise anything)
        raise BrokenPlugin(
            f"{stage} '{name}' cannot be imported from {entry.distribution} {entry.version}: {error}\n"
            f"{traceback.format_exc().rstrip()}\n"
            f"Install it again: pip install --force-reinstall {entry.distribution}"
        ) from None
    contract = stage_class(stage)
    if not (isinstance(found, type) and issubclass(found, contract)):
        raise BrokenPlugin(
            f"{stage} '{name}' of {entry.distribution} is not {with_article(contract.__name__)}; "
            f"its class must derive from slmworks.{stage}.{contract.__name__}."
        )
    _check_contract(found, contract, entry)
    return found


def _check_contract(found: type[Stage], contract: type[Stage], entry: Plugin) -> None:
    where = f"{entry.stage} '{entry.name}' of {entry.distribution}"
    if inspect.isabstract(found) or not _required(contract) <= takes(found) <= takes(contract):
        raise BrokenPlugin(f"{where}: needs a run() with the parameters {_parameters(contract)}.")
    for name in sorted(set(found.model_fields) & contract.__class_vars__):
        raise BrokenPlugin(
            f"{where}: its field '{name}' is an option and hides the trait of that name, which stays "
            f"{getattr(contract, name)!r}; write `{name}: ClassVar = …`."
        )
    named = {*found.reads, *found.ignores, *found.accepts, *found.needs}
    for port in sorted(named - set(ports(found))):
        hint = "Its run() leaves it out." if port in ports(contract) else did_you_mean(port, ports(contract))
        raise BrokenPlugin(f"{where}: names a port '{port}'. {hint}")


def _required(contract: type[Stage]) -> frozenset[str]:
    """The parameters that every plugin's run() names: `task`, and the ports that aren't optional."""
    return takes(contract) - {port.name for port in ports(contract).values() if port.optional}


def _parameters(contract: type[Stage]) -> str:
    """`self, model, task; it may leave out data`, for a message."""
    names = inspect.signature(contract.run).parameters  # type: ignore[attr-defined]
    free = takes(contract) - _required(contract)
    needed = ", ".join(name for name in names if name not in free)
    may = " or ".join(name for name in names if name in free)
    return f"{needed}; it may leave out {may}" if may else needed


# --- model tasks and runtimes --------------------------------------------------------------------------


@dataclass(frozen=True)
class Offered:
    """A model task's or a runtime's entry point."""

    entry: EntryPoint

    @property
    def distribution(self) -> str:
        """Name of the distribution that brought it."""
        return self.entry.dist.name if self.entry.dist else "unknown"

    @property
    def version(self) -> str:
        """Version of that distribution."""
        return self.entry.dist.version if self.entry.dist else "0"

    @property
    def module(self) -> str:
        """Name of its module; nothing is imported."""
        return self.entry.module

    def load(self) -> Any:
        """The class; ModuleNotFoundError where a library of its own is missing."""
        return self.entry.load()


def model_tasks() -> dict[str, Offered]:
    """Name -> model task. A second name for the same class is what artifacts' headers call it."""
    return _offered("slmworks.model_task")


@cache
def model_task(name: str) -> "ModelTask":
    """A model task by its name or by what headers call it; BadRequest offers the nearest."""
    known = model_tasks()
    if name not in known:
        raise BadRequest(f"no such model task '{name}'. {did_you_mean(name, known)}")
    found: ModelTask = known[name].load()()
    return found


def canonical(name: str) -> str:
    """A model task's own name, whatever a header calls it; an unknown name as it is."""
    return model_task(name).name if name in model_tasks() else name


def runtimes(name: str) -> dict[str, Offered]:
    """Format -> runtime of one model task, by its name."""
    found = _offered("slmworks.runtime")
    return {
        key.rpartition(".")[2]: offered for key, offered in found.items() if key.rpartition(".")[0] == name
    }


def model_tasks_of(model_format: str) -> list[str]:
    """Names of the model tasks that have a runtime for a format."""
    keys = (key.rpartition(".") for key in _offered("slmworks.runtime"))
    return sorted(task for task, _, read in keys if read == model_format)


def architectures() -> dict[str, Offered]:
    """Name -> function that registers a network's classes with transformers."""
    return _offered("slmworks.architecture")


def row_operators() -> dict[str, Offered]:
    """Name -> row operator that a curation can list."""
    return _offered("slmworks.curate_operator")


def curate_engines() -> dict[str, Offered]:
    """Name -> engine that brings workers for a curation beyond one machine."""
    return _offered("slmworks.curate_engine")


def commands() -> dict[str, Offered]:
    """Name -> command of `slmworks` that a plugin family brings."""
    return _offered("slmworks.command")


def runtime_family(name: str) -> str:
    """The distribution in whose environment the core's own plugins run a model task's models.

    It brings a runtime, so it has the runtime's library and, as every environment, the core's plugins. Empty
    `name`: models of any model task.
    """
    bring = [
        offered.distribution
        for key, offered in _offered("slmworks.runtime").items()
        if not name or key.rpartition(".")[0] == name
    ]
    others = [one for one in bring if one != CORE]
    return max(sorted(set(others)), key=others.count, default=CORE)


def measure_family(name: str) -> str:
    """The distribution in whose environment a model task's measures can be computed; the core for unknown."""
    known = model_tasks()
    return known[name].distribution if name in known else CORE


@cache
def _offered(group: str) -> dict[str, Offered]:
    found: dict[str, Offered] = {}
    for entry in _installed().select(group=group):
        twin = found.setdefault(entry.name, Offered(entry))
        if twin.entry.value != entry.value:
            raise BrokenPlugin(
                f"'{entry.name}' ({group}) is offered by two distributions, {twin.distribution} and "
                f"{Offered(entry).distribution}; uninstall one of them."
            )
    return dict(sorted(found.items()))
