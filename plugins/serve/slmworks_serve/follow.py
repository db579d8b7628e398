"""Follow the approval log: load the next champion beside the one that answers, then switch.

A version that cannot be had (edited, missing, of another model task) changes nothing: the old one goes on,
and why is said once.
"""

import gc
import threading
import time
import weakref

from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.contract.plain_text import one_line
from slmworks.contract.runtime import Runtime
from slmworks.machine.memory import trim
from slmworks.registry.log import ModelState, Registry
from slmworks.registry.release import approved_release
from slmworks_serve.app import Service
from slmworks_serve.batch_size import paced
from slmworks_serve.model import load, slots_of

EVERY = 2.0
"""Seconds between two looks at the log."""
AGAIN = 30.0
"""Seconds after which a version that was refused is tried again: somebody may have restored it."""


class Follow(threading.Thread):
    """A thread that keeps a service on the champion of its name, forward and back."""

    def __init__(self, service: Service, registry: Registry, every: float = EVERY) -> None:
        super().__init__(name="follow", daemon=True)
        self._service, self._registry, self._every = service, registry, every
        self._name = service.model.served.name
        self._entries: list[str] | None = None
        self._retry_at = 0.0
        self._said = ""
        self._leaving: weakref.ref[Runtime] | None = None
        """The runtime that was switched from, while its memory is not given back: it may answer still."""
        self._over = threading.Event()

    def run(self) -> None:
        """Look at the log until stopped."""
        while not self._over.wait(self._every):
            self.look()

    def stop(self) -> None:
        """End within one look."""
        self._over.set()

    def look(self) -> None:
        """Switch if the log names another champion. Costs one listing when nothing was decided."""
        version = 0
        if self._leaving:
            gc.collect()
            if self._leaving() is None:
                self._leaving = None
                trim()  # glibc would keep some 15 MB of every switch
        try:
            entries = self._registry.store.list(f"registry/{self._name}/")
            if entries == self._entries and (not self._said or time.monotonic() < self._retry_at):
                return
            self._entries = entries
            state = self._registry.state(self._name)
            if state.champion is None:
                self._withdraw(state)
            elif state.champion.number != self._service.model.served.version or self._service.withdrawn:
                version = state.champion.number
                self._switch(version)
            self._said = ""
        except (SlmworksError, OSError) as error:
            self._keep(version, str(error))
        except Exception as error:  # noqa: BLE001 - a model that doesn't load must not end the following
            self._keep(version, f"v{version} does not load ({type(error).__name__}: {error})")

    def _switch(self, version: int) -> None:
        approved = approved_release(self._registry, self._name, version)
        service = self._service
        draft = service.drafts.get(version)
        loaded = load(approved, slots_of(service.limits, service.threads, draft))
        ours, theirs = self._service.model.task.name, loaded.task.name
        if theirs != ours:
            raise BadRequest(
                f"v{version} is a model for {theirs}, not for {ours}; register it under its own name."
            )
        if bool(loaded.streaming) != bool(service.model.streaming):
            raise BadRequest(f"v{version} is computed in another way than the last one; restart the server.")
        self._leaving = weakref.ref(service.model.runtime)
        service.switch(paced(loaded, service.limits.max_batch))
        alone = ", without a draft: it was another version's" if service.drafts and not draft else ""
        self._service.say(f"v{version} answers now{alone}")

    def _withdraw(self, state: ModelState) -> None:
        if self._service.withdrawn:
            return
        served = state.version(self._service.model.served.version)
        said = f"{state.name} v{served.number} was taken out of service"
        if decided := served.decided:
            said += f" by {one_line(decided.who)} ({one_line(decided.why)})"
        self._service.withdraw(f"{said}, and no other version is approved")

    def _keep(self, version: int, why: str) -> None:
        self._retry_at = time.monotonic() + AGAIN
        if why == self._said:
            return
        self._said = why
        if version:
            self._service.metrics.switched(version, refused=True)
        self._service.say(f"v{self._service.model.served.version} goes on: {why}")
