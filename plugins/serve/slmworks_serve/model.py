"""A release in memory: its identity, its model task and runtime, and the first slow call behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import By, Slots
from slmworks.contract.model_task import Answer, ModelTask, Row
from slmworks.contract.runtime import Runtime, Streaming, Truncating, answered
from slmworks.contract.scope import META
from slmworks.registry.loaded import open_release
from slmworks.registry.release import Approved
from slmworks_serve.limits import GENERATION, Limits

FINGERPRINT = 16
"""Characters of a digest that tell models apart."""


@dataclass(frozen=True)
class Served:
    """Which release this is, for every answer and for those who ask `/ready`."""

    name: str
    version: int
    model_digest: str
    wrapper_digest: str

    @classmethod
    def of(cls, approved: Approved) -> Self:
        """The identity that was approved."""
        entry = approved.entry
        return cls(entry.name, entry.version, entry.model_digest, entry.wrapper_digest)

    def by(self, *, digest: bool) -> By:
        """The same for replies in the form of other APIs; `digest`: whether its beginning is shown."""
        fingerprint = self.model_digest[:FINGERPRINT] if digest else f"v{self.version}"
        return By(self.name, self.version, fingerprint)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A release that can answer, from any thread."""

    served: Served
    task: ModelTask
    runtime: Runtime
    shared: Mapping[str, Any] = field(default_factory=dict)
    """Values in the model's header that its model task shares with data: `labels`; and its `scope`, if it
    knows one."""
    example: Row = field(default_factory=dict)
    """A row to ask it: the one that its recipe declares, or the model task's."""
    batch: int = 32
    """Rows that are worth computing together; see `batch_size`."""

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer all rows as one batch, and say of each whether it was cut, where the runtime knows."""
        return answered(self.runtime, rows)

    @cached_property
    def streaming(self) -> Streaming | None:
        """Its runtime, where that generates piece by piece."""
        return self.runtime if isinstance(self.runtime, Streaming) else None

    @cached_property
    def says_truncated(self) -> bool:
        """Whether its answers say if a text was cut."""
        return isinstance(self.runtime, Truncating)


def slots_of(limits: Limits | None, threads: int, draft: Model | None = None) -> Slots:
    """How a generator is opened by a server of these limits, that computes with `threads` threads.

    `draft`: a smaller model that guesses tokens ahead.
    """
    limits = limits or Limits()
    return Slots(limits.slots, limits.context, threads, draft)


def require_generator(model: Loaded, limits: Limits | None) -> None:
    """BadRequest for limits of generators that were asked for, where the model is none."""
    asked = sorted(GENERATION & limits.model_fields_set) if limits else []
    if asked and model.streaming is None:
        option = f"--{asked[0].replace('_', '-')}"
        raise BadRequest(
            f"{option} is for models that generate text piece by piece, and {model.served.name} is for "
            f"{model.task.name}; leave it out."
        )


def load(approved: Approved, slots: Slots | None = None) -> Loaded:
    """Load an approved release. It computes a batch on one thread: the server runs several at once.

    `slots`: how a generator is opened, which computes several answers together. BadRequest for a release that
    was changed since it was verified.
    """
    found = open_release(approved, slots=slots)
    shown = (*found.task.shared_meta, META)
    shared = {key: found.model.meta[key] for key in shown if key in found.model.meta}
    return Loaded(Served.of(approved), found.task, found.runtime, shared, found.example)
