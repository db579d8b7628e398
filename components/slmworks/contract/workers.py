"""Workers: processes, mostly on other machines, among which a task spreads what it does with its rows.

A plugin that can be spread says so (`Stage.spreads`) and asks `Task.workers`. Which engine brings them, if
any, is said by the engine file (`curate: {engine: …}`), never by a recipe: results are the same with them
and without, so they are no part of an identity. Entry points of the group `slmworks.curate_engine` name
engines.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import ConfigDict

from slmworks.contract import catalog
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.options import OptionError, configure

P = TypeVar("P")
R = TypeVar("R")

ENGINE = "engine"
"""The key of the settings that names the engine; the others are its options."""


class Workers(Protocol):
    """Applies pure functions to pieces of work, wherever."""

    def map(self, function: Callable[[P], R], pieces: Iterable[P]) -> Iterator[R]:
        """The function of each piece, in the order of the pieces; these are taken as workers get free.

        Function, pieces and results are pickled. A piece whose worker is lost is given to another one. What
        the function raises comes in the place of its result, what the iterable of pieces raises behind the
        results of the pieces before it: the first error is the same as without workers.
        """


class WorkerEngine(Documented, ABC):
    """Root of engines; fields are options, each described by the string under it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def start(self, name: str, scratch: Path) -> AbstractContextManager[Workers]:
        """Start workers for the task of this name, and end them behind the block; BadRequest where it can't.

        `scratch`: a folder of this machine for what they must keep meanwhile.
        """


def engine_of(settings: Mapping[str, Any]) -> WorkerEngine:
    """The engine that settings name, with its options; OptionError says which of them is wrong."""
    name, known = settings[ENGINE], catalog.curate_engines()
    if name not in known:
        there = did_you_mean(name, known) if known else "None is installed here; install the plugin with it."
        raise OptionError((ENGINE,), f"no such engine '{name}'. {there}")
    found = known[name].load()
    if not (isinstance(found, type) and issubclass(found, WorkerEngine)):
        raise BrokenPlugin(
            f"curate engine '{name}' of {known[name].distribution} is no WorkerEngine; its class must derive "
            "from slmworks.contract.workers.WorkerEngine."
        )
    try:
        return configure(found, name, {key: value for key, value in settings.items() if key != ENGINE})
    except OptionError:
        raise
    except BadRequest as error:
        raise OptionError((), str(error)) from None
