"""One task in a pod: from Kubeflow's executor input to its executor output, by way of the common task."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from slmworks.contract.catalog import plugin, stage_class
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import Emit, inlets
from slmworks.engines.kubeflow.component import port_of
from slmworks.engines.kubeflow.entry import ExecutorInput
from slmworks.engines.kubeflow.outputs import answer
from slmworks.engines.kubeflow.told import (
    EARLIER,
    EARLIER_RUN,
    FAMILY,
    FORM,
    PLUGIN,
    RUN,
    SPEC,
    changed,
    spec_of,
)
from slmworks.engines.orchestrated import perform
from slmworks.execution.missing_inputs import Given, join
from slmworks.execution.outcome import Outcome
from slmworks.execution.records import made_by
from slmworks.execution.spec import TaskSpec
from slmworks.machine.cores import usable_cores
from slmworks.machine.process import adopt_environment
from slmworks.store import Store, open_store


@dataclass(frozen=True)
class PodTask:
    """The task of a pod."""

    said: ExecutorInput
    spec: TaskSpec
    """As it was compiled, with the run's inputs for the options that the recipe sets."""
    store: Store

    @classmethod
    def read(cls, executor_input: str) -> "PodTask":
        """Read the executor input, and set the environment before any library does."""
        said = ExecutorInput.read(executor_input)
        for name in (SPEC, PLUGIN, FORM, RUN):
            said.parameter(name)
        spec = spec_of(said.parameters)
        threads = spec.threads or usable_cores()
        adopt_environment(threads)
        spec = spec.model_copy(update={"threads": threads})
        return cls(said, spec, open_store(spec.store))

    def perform(self, emit: Emit, tracking: str, started: Callable[[], None]) -> Outcome:
        """Run the task and write its outputs; a refused gate ends well, with False."""
        outcome = perform(
            self.store,
            self.spec,
            self._given,
            emit,
            engine="kubeflow",
            tracking=tracking,
            started=started,
            changed=lambda spec: changed(spec, self.said.parameters),
        )
        answer(self.said, self.spec, outcome, self.store)
        return outcome

    def other_version(self) -> str:
        """A line where the image holds another version of the same code than the page shows; else ''."""
        compiled = str(self.said.parameters.get(FAMILY, ""))
        found = plugin(self.spec.stage, self.spec.plugin)
        here = f"{found.distribution} {found.version}"
        return (
            ""
            if compiled in ("", here)
            else f"compiled with {compiled}; this image has {here}, the same code"
        )

    def _given(self) -> Given:
        """Port -> manifests: those that Kubeflow brought, and those of an earlier run."""
        made = {
            name: Manifest.read(path.read_bytes(), where=name) for name, path in self.said.artifacts.items()
        }
        earlier = json.loads(self.said.parameters.get(EARLIER, "{}"))
        made |= {
            name: made_by(self.store, self.said.parameter(EARLIER_RUN), task)
            for name, task in earlier.items()
        }
        known = inlets(stage_class(self.spec.stage))
        return join(known, ((port_of(slot, known), made[slot]) for slot in sorted(made, key=_number)))


def _number(slot: str) -> tuple[int, str]:
    """`reports_10` comes after `reports_9`."""
    return len(slot), slot
