"""Fetch: bring bytes from outside into the store, pinned and recorded."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Files, Model
from slmworks.contract.stage import Stage, Task
from slmworks.fetch.source import Source

__all__ = ["Fetch", "Source"]


class Fetch(Stage):
    """Bring files from outside into the store. The only stage that may use the network."""

    default: ClassVar[str | None] = "files"

    @abstractmethod
    def run(self, *, sources: Mapping[str, Source], task: Task) -> Files | Model:
        """Write `<task.output>/<name>/…` for each source, or hand on a model that is in the store."""
