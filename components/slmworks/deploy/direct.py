"""Deploy a version without a recipe: to go back, or to try again what did not come up.

The plugin gets the release as a recipe's deploy step would, and asks the log itself. Which plugin and which
options are an environment's to say; this module knows none.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from slmworks.contract.artifact import Artifact, Deployment, Release
from slmworks.contract.catalog import plugin
from slmworks.contract.options import configure
from slmworks.contract.stage import Emit, ports, takes
from slmworks.deploy import Deploy
from slmworks.machine.locks import scratch_folder
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.registry.task import ReleaseTask

if TYPE_CHECKING:
    from slmworks.store import Store

__all__ = ["deploy", "deployer"]


def deployer(uses: str, options: Mapping[str, Any]) -> Deploy:
    """The deploy plugin of that name with these options; BadRequest when there is none, or no such option."""
    return cast("Deploy", configure(plugin("deploy", uses).load(), uses, options))


def deploy(store: "Store", name: str, version: int | None, by: Deploy, emit: Emit) -> Mapping[str, Any]:
    """Deploy an approved version of `name` (default: the champion); returns the deployment's summary."""
    registry = Registry(store)
    approved = approved_release(registry, name, version)
    release = cast("Release", Artifact.open(approved.folder, digest=approved.entry.release))
    with scratch_folder(store.cache, "deploy") as scratch:
        folders = [scratch / name for name in ("output", "work")]
        for folder in folders:
            folder.mkdir()
        task = ReleaseTask(output=folders[0], scratch=folders[1], emit=emit, registry=registry)
        taken = (port for port in ports(type(by)).values() if port.name in takes(type(by)))
        without = {port.name: None for port in taken if port.optional}
        made: Deployment = by.run(release=release, task=task, **without)
    return made.summary
