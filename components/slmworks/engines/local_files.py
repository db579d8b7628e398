"""Local files of a plan, brought into the store before it runs on a cluster, which doesn't see this disk.

The fetch that reads them is done here. Its result has the same identity everywhere, so the pipeline's own
task finds it, and no pod reads a path.
"""

from collections.abc import Mapping

from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import Emit
from slmworks.execution.run import Running
from slmworks.fetch import Source
from slmworks.machine.cores import usable_cores
from slmworks.recipe.plan import Plan
from slmworks.store import Store


def bring(
    plan: Plan, sources: Mapping[str, Mapping[str, Source]], store: Store, emit: Emit = lambda _event: None
) -> dict[str, Manifest]:
    """Task -> manifest of every fetch that reads local files; `sources` are pinned."""
    found: dict[str, Manifest] = {}
    for task in plan:
        own = sources.get(task.id, {})
        if reads_disk(own):
            spec = task.spec(run="", store=store.url, sources=own, threads=usable_cores())
            manifest = Running.prepare(spec, {}, emit).deliver().manifest
            assert manifest is not None
            found[task.id] = manifest
    return found


def reads_disk(sources: Mapping[str, Source]) -> bool:
    """True for a fetch that reads files of this machine."""
    return any(source.kind == "local" for source in sources.values())
