"""Compiled pipelines on `kfp.local`: as processes of this machine, or in containers of a Docker Engine."""

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.pipeline import Compiled, compile_plan
from slmworks.execution.records import run_ids, run_record, task_records
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import Store

IMAGES = "families: {slmworks-toy: {image: toy:1}}\nimages: example/works\n"
"""An engine file in which every family has an image; as processes nobody looks at it."""


@dataclass
class Ended:
    """A pipeline that ran."""

    succeeded: bool
    log: str
    store: Store
    run: str
    folders: dict[str, Path] = field(default_factory=dict)
    """Component -> where its outputs lie."""

    @property
    def states(self) -> dict[str, str]:
        return {record.task: record.state for record in task_records(self.store, self.run)}

    @property
    def digests(self) -> dict[str, str]:
        found = task_records(self.store, self.run)
        return {record.task: record.manifest.digest for record in found if record.manifest}

    @property
    def record(self) -> Any:
        return run_record(self.store, self.run)


def compiled(recipe: Path, store: Store, engine: str = IMAGES, fresh: tuple[str, ...] = ()) -> Compiled:
    """The recipe's pipelines, as `slmworks compile` writes them."""
    from slmworks.engines.local_files import bring

    planned = plan(Recipe.read(recipe))
    sources = planned.pinned(None)
    bring(planned, sources, store)
    return compile_plan(planned, EngineFile.parse(engine), store.url, sources, frozenset(fresh))


def run_pipeline(text: str, store: Store, root: Path, runner: Any = None, **parameters: Any) -> Ended:
    """Run a compiled pipeline to its end."""
    from kfp import components, local

    before = set(run_ids(store))
    with _quiet_dispatcher(), _captured() as log:
        local.init(
            runner=runner or local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            raise_on_error=True,
        )
        component = components.load_component_from_text(text)
        try:
            component(**parameters)
            succeeded = True
        except RuntimeError:
            succeeded = False
    (run,) = set(run_ids(store)) - before
    folders = {path.parent.name: path.parent for path in sorted(root.rglob("executor_output.json"))}
    return Ended(succeeded, log.getvalue(), store, run, folders)


@contextlib.contextmanager
def _quiet_dispatcher() -> Iterator[None]:
    """`SubprocessRunner` refuses container components, though it can start their commands well."""
    from kfp.local.subprocess_task_handler import SubprocessTaskHandler

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SubprocessTaskHandler, "validate_not_container_component", lambda *_: None)
        patch.setattr(SubprocessTaskHandler, "validate_image", lambda *_: None)
        yield


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    """All that the tasks print."""
    text = io.StringIO()
    os.environ.setdefault("NO_COLOR", "1")
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(text):
            yield text
    finally:
        logging.getLogger().removeHandler(handler)
