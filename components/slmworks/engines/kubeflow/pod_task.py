"""One task in a pod: from Kubeflow's executor input to its executor output, by way of the common task."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from slmworks.absence import Given, join
from slmworks.catalog import stage_class
from slmworks.engines.closing import begin
from slmworks.engines.kubeflow.component import port_of
from slmworks.engines.kubeflow.entry import ExecutorInput
from slmworks.engines.kubeflow.shown import answer
from slmworks.engines.uploader import beside
from slmworks.errors import BadRequest, SlmworksError
from slmworks.manifest import Manifest
from slmworks.process import adopt_environment, usable_cores
from slmworks.records import utc, write_record
from slmworks.spec import TaskSpec
from slmworks.stage import Emit, ports
from slmworks.store import Store, open_store
from slmworks.task import Outcome, Running


@dataclass(frozen=True)
class PodTask:
    """What a pod was started for."""

    said: ExecutorInput
    spec: TaskSpec
    store: Store

    @classmethod
    def read(cls, executor_input: str) -> "PodTask":
        """Understand the executor input, and set the environment before anything reads it."""
        said = ExecutorInput.read(executor_input)
        spec = TaskSpec.decode(said.parameter("spec"))
        threads = spec.threads or usable_cores()
        adopt_environment(threads)
        spec = spec.model_copy(update={"run": said.parameter("run"), "threads": threads})
        return cls(said, spec, open_store(spec.store))

    def perform(self, emit: Emit, tracking: str, started: Callable[[], None]) -> Outcome:
        """Run the task and write its outputs; a refused gate ends well, with False."""
        begin(self.store, self.spec, "kubeflow")
        try:
            running = Running.prepare(self.spec, self._given(), emit)
        except (SlmworksError, OSError) as error:
            now = utc(time.time())
            what = {"state": "failed", "started": now, "ended": now, "error": str(error)}
            write_record(self.store, self.spec, what)
            raise
        running.record("running", None)  # whoever is killed from here on has begun
        started()
        with beside(self.store, tracking, self.spec.run):
            outcome = running.run()
        answer(self.said, self.spec, outcome, self.store)
        return outcome

    def _given(self) -> Given:
        """Port -> manifest, or several: those that Kubeflow brought, and those of an earlier run."""
        texts = {name: path.read_bytes() for name, path in self.said.artifacts.items()}
        earlier = json.loads(self.said.parameters.get("earlier", "{}"))
        texts |= {name: self._from_record(task) for name, task in earlier.items()}
        known = ports(stage_class(self.spec.stage))
        slots = sorted(texts, key=_number)
        return join(known, ((port_of(slot, known), Manifest.read(texts[slot], where=slot)) for slot in slots))

    def _from_record(self, task: str) -> bytes:
        run = self.said.parameter("earlier_run")
        record = self.store.read(f"runs/{run}/{task}.json")
        made = json.loads(record).get("manifest") if record else None
        if not made:
            raise BadRequest(
                f"run {run} left nothing of {task} in {self.store}; name the run whose release was approved."
            )
        return json.dumps(made).encode()


def _number(slot: str) -> tuple[int, str]:
    """`reports_10` comes after `reports_9`."""
    return len(slot), slot
