"""Results that tasks share, without a store."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Artifact, Files
from slmworks.contract.stage import Task
from slmworks.testing import Bench


class SharedResults:
    """Shares results between tasks as a store does: built once for equal names, inputs and options."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.built = folder, []

    def share(
        self,
        name: str,
        inputs: Mapping[str, Artifact],
        options: Mapping[str, Any],
        build: Callable[[Path], None],
    ) -> Files:
        key = f"{name} { {port: a.digest for port, a in inputs.items()} } {dict(options)}"
        if key not in self.built:
            self.built.append(key)
            (self.folder / str(self.built.index(key))).mkdir(parents=True)
            build(self.folder / str(self.built.index(key)))
        return Files(path=self.folder / str(self.built.index(key)))

    def task(self, bench: Bench, name: str, seed: int = 0) -> Task:
        return replace(bench.task(name, seed=seed), share_with=self.share)
