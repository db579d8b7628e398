"""A fine-tuning task in a process that can be killed: `resumed.py STORE OFTEN PORT=MANIFEST …`.

`OFTEN` is `often` for a checkpoint after every step.
"""

import sys

from slmworks.engines.entry import run_task
from slmworks.execution.spec import TaskSpec
from slmworks_torch.causal import checkpoints

OPTIONS = {"epochs": 5, "learning_rate": 3e-3, "batch_size": 8, "dropout": 0.1}


def main(store: str, often: str, *given: str) -> None:
    if often:
        checkpoints.LEAST, checkpoints.SHARE = 0.0, 1e9
    task = {"run": "r", "id": "tuned", "step": "tuned", "stage": "finetune", "plugin": "sft"}
    outcome = run_task(TaskSpec(**task, options=OPTIONS, store=store, seed=3).encode(), given)
    assert outcome.manifest is not None
    print(outcome.state, outcome.manifest.digest)


if __name__ == "__main__":
    main(*sys.argv[1:])
