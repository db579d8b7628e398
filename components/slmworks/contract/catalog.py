"""Which plugins there are. Found by entry point (`slmworks.<stage>`), imported only when asked for."""

import importlib
import inspect
import traceback
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from slmworks.contract.errors import BadRequest, SlmworksError, did_you_mean
from slmworks.contract.stage import Stage, ports

STAGES = (
    "fetch", "curate", "finetune", "distill", "align", "prune", "factorize",
    "quantize", "export", "evaluate", "gate", "register", "approve", "deploy",
)  # fmt: skip
"""Every stage, in the order in which a line usually has them."""


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


@cache
def _installed() -> Any:
    """Every entry point there is: one walk over what is installed, which takes longer than all the rest."""
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
            f"{stage} '{name}' of {entry.distribution} is not a {contract.__name__}; "
            f"its class must derive from slmworks.{stage}.{contract.__name__}."
        )
    _check_contract(found, contract, entry)
    return found


def _check_contract(found: type[Stage], contract: type[Stage], entry: Plugin) -> None:
    where = f"{entry.stage} '{entry.name}' of {entry.distribution}"
    wanted = inspect.signature(contract.run).parameters  # type: ignore[attr-defined]
    if inspect.isabstract(found) or set(inspect.signature(found.run).parameters) != set(wanted):  # type: ignore[attr-defined]
        raise BrokenPlugin(f"{where}: needs a run() with the parameters {', '.join(wanted)}.")
    named = {*found.reads, *found.ignores, *found.accepts, *found.needs}
    for port in sorted(named - set(ports(contract))):
        raise BrokenPlugin(f"{where}: names a port '{port}'. {did_you_mean(port, ports(contract))}")
