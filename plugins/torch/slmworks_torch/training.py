"""What every training shares: how it is prepared, which weights it changes, and by how much."""

import logging
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks_torch import randomness
from slmworks_torch.training_options import StepOptions

if TYPE_CHECKING:
    import torch

TELL = 0.3
"""Seconds between two progress events."""


def prepare(task: Task) -> None:
    """Give torch the task's threads and seed, and keep transformers quiet."""
    import torch

    # transformers imports torchao where it is installed, which warns of kernels that nobody uses
    for name in ("torchao", "torch.utils._pytree"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from transformers.utils import logging as chatter

    torch.set_num_threads(task.threads)
    randomness.seed(task.seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # otherwise every new tensor is written twice
    torch.utils.deterministic.fill_uninitialized_memory = False
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()


def diverged(loss: float, step: int, options: StepOptions, precision: str = "float32") -> TaskFailed:
    """The error of a training whose loss is no number any more; `precision`: what it was computed in."""
    other = " or set precision: float32 (it is computed in float16)" if precision == "float16" else ""
    return TaskFailed(
        f"the loss is {loss} at step {step}: the training diverged; lower learning_rate "
        f"(it is {options.learning_rate:g}){other}."
    )


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """Linear up over the first `warmup` of the steps, then linear down to 0."""
    rising = max(1.0, steps * warmup)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising))


def trained(model: Any) -> "list[tuple[str, torch.Tensor]]":
    """Name and value of every weight that a training changes."""
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def changed(model: Any) -> "dict[str, torch.Tensor]":
    """All that a training changes in a network: those weights, and buffers that are saved with it."""
    buffers = dict(model.named_buffers())
    saved = {name: value for name, value in model.state_dict().items() if name in buffers}
    return {**saved, **{name: weight.detach() for name, weight in trained(model)}}


def groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Matrices with weight decay, vectors (biases, normalisations) without."""
    weights = [weight for _, weight in trained(model)]
    return [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
