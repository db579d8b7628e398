"""The trivial baselines that could be fitted, and those that could not."""

from collections.abc import Mapping

from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import LeftOut, ModelTask, Trivial
from slmworks.contract.stage import Task


def fit(purpose: ModelTask, data: Dataset, task: Task) -> tuple[Mapping[str, Trivial], Mapping[str, str]]:
    """Name -> baseline, and name -> why one is left out, which is also said."""
    found = purpose.trivial(data, seed=task.seed)
    left_out = {name: one.reason for name, one in found.items() if isinstance(one, LeftOut)}
    for name, reason in left_out.items():
        task.say(f"the trivial baseline '{name}' is left out: {reason}")
    return {name: one for name, one in found.items() if isinstance(one, Trivial)}, left_out
