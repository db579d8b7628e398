"""A training task in a process that can be killed: `resumed.py PLUGIN STORE OFTEN PORT=MANIFEST …`.

`OFTEN` is `often` for a checkpoint after every step. The last line says how the task ended, its digest, and how
many steps of training this process computed.
"""

import sys
from typing import Any

from slmworks.engines.entry import run_task
from slmworks.execution.spec import TaskSpec
from slmworks_torch import checkpoints
from slmworks_torch.loop import Loop

SEED = 3
TRAININGS: dict[str, tuple[str, dict[str, Any]]] = {
    "sft": ("finetune", {"epochs": 5, "learning_rate": 3e-3, "batch_size": 8, "dropout": 0.1}),
    "classifier": (
        "finetune",
        {"epochs": 3, "learning_rate": 3e-3, "batch_size": 16, "max_length": 24, "class_weights": "balanced"},
    ),
    "logit-kd": (
        "distill",
        {"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "dropout": 0.1, "alpha": 0.5},
    ),
}
"""Plugin -> stage and options."""


def main(plugin: str, store: str, often: str, *given: str) -> None:
    if often:
        checkpoints.LEAST, checkpoints.SHARE = 0.0, 1e9
    steps, learn = 0, Loop._learn

    def counted(self: Loop, rows: list[int]) -> float:
        nonlocal steps
        steps += 1
        return learn(self, rows)

    Loop._learn = counted  # type: ignore[method-assign]
    stage, options = TRAININGS[plugin]
    task = {"run": "r", "id": "made", "step": "made", "stage": stage, "plugin": plugin}
    outcome = run_task(TaskSpec(**task, options=options, store=store, seed=SEED).encode(), given)
    assert outcome.manifest is not None
    print(outcome.state, outcome.manifest.digest, steps)


if __name__ == "__main__":
    main(*sys.argv[1:])
