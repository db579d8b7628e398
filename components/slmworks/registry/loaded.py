"""A release in memory: its model task and runtime, loaded from a copy that was hashed."""

from dataclasses import dataclass
from typing import cast

from slmworks.contract.artifact import Artifact, Model
from slmworks.contract.generation import Slots
from slmworks.contract.model_task import ModelTask, Row
from slmworks.contract.runtime import Runtime, Streaming, answered, model_task_of, open_runtime
from slmworks.registry.declared import example_in
from slmworks.registry.release import Approved, private_copy


@dataclass(frozen=True, eq=False)
class Loaded:
    """What computes, and what it is for."""

    task: ModelTask
    runtime: Runtime
    model: Model
    """Its header; the files are gone."""
    example: Row
    """A row to ask it: the one that its recipe declares, or the model task's."""


def open_release(approved: Approved, *, slots: Slots | None = None, generator_threads: int = 1) -> Loaded:
    """Load an approved release, and let it answer once. A batch takes one thread: compute several at once.

    `slots`: how a generator is opened that computes several answers together.
    `generator_threads`: threads for an answer of any other generator, which computes one batch at a time.

    It is loaded from a private copy that was hashed, and is gone when this returns: what answers is what was
    approved, whatever happens to the folder. From a file, since onnxruntime holds a model that it gets as
    bytes three times while it loads it, and one that it reads twice. BadRequest when that was changed.
    """
    with private_copy(approved) as copy:
        model = cast("Model", Artifact.open(copy / "model", digest=approved.entry.model_digest))
        task = model_task_of(model)
        example = example_in(copy, task)
        threads = generator_threads if task.generative_dialects else 1
        runtime = open_runtime(model, threads=threads, model_task=task.name, slots=slots)
        if not isinstance(runtime, Streaming):  # that is warm already, and may know no chat
            answered(runtime, [task.input_sample()])  # the first call is slow; nobody should wait for it
    return Loaded(task, runtime, model, example)
