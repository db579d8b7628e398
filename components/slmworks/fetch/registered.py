"""The `registered` plugin: a model that this store's registry names (`models:/reviews@champion`)."""

from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Model
from slmworks.contract.stage import Task
from slmworks.fetch import Fetch, Source

__all__ = ["FetchRegistered"]


class FetchRegistered(Fetch):
    """Hand on the model of a registered version, as it lies in the store.

    The version is looked up when the run starts; where there is none yet, the steps that need it are
    left out of the run.
    """

    deterministic: ClassVar[bool] = True
    light: ClassVar[bool] = True

    def run(self, *, sources: Mapping[str, Source], task: Task) -> Model:
        """Return the stored model itself; nothing is copied."""
        ((_, source),) = sources.items()
        ((version, digest),) = source.digests
        task.say(f"{source.location} v{version}, model sha256:{digest[:12]}")
        return task.open(digest, Model)
