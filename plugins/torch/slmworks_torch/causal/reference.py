"""Log-probabilities of answers by the model that a training begins with: computed once, kept in a ledger."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.ledger import Entry, Ledger
from slmworks.contract.stage import Task
from slmworks.teachers.budget import Account, Budget
from slmworks_torch import devices
from slmworks_torch.causal import forward, layouts
from slmworks_torch.causal.examples import Examples
from slmworks_torch.devices import Precision

if TYPE_CHECKING:
    import torch

LEDGER, VERSION = "reference", 1
COLUMN = "logprobs"


def log_probabilities(
    net: Any, model: Model, several: Sequence[Examples], precision: Precision, task: Task
) -> "list[list[torch.Tensor]]":
    """For each of `several` and each of its rows the log-probabilities of its answer, float32 [tokens], nats.

    `net` holds the weights of `model`, as they are before training. Each row is computed alone: what it gets
    doesn't depend on the rows beside it, so it is the same in every training.
    """
    keys = [one.keys for one in several]
    where = {key: (one, row) for one, mine in zip(several, keys, strict=True) for row, key in enumerate(mine)}
    options = {"precision": devices.resolved(precision, net.device)}
    with task.ledger(LEDGER, teacher=model, options=options, version=VERSION) as ledger:
        _compute(net, {key: where[key] for key in ledger.missing(where)}, precision, ledger, task)
        found = {key: _values(entry) for key, entry in ledger.read(where)}
    return [[found[key] for key in mine] for mine in keys]


def of_row(net: Any, examples: Examples, row: int, precision: Precision) -> "torch.Tensor":
    """Log-probabilities of one row's answer, its end included, float32 [tokens]."""
    import torch

    batch = layouts.padded_batch(examples, [row], net.device)
    with torch.inference_mode(), devices.mixed(net.device, precision):
        return -forward.losses(net, batch, "none")[0].cpu()


def _compute(
    net: Any, wanted: Mapping[str, tuple[Examples, int]], precision: Precision, ledger: Ledger, task: Task
) -> None:
    net.eval()
    account = Account(ledger, Budget(), task, rows=len(wanted), lack="log-probabilities")
    for key, (examples, row) in wanted.items():
        values = of_row(net, examples, row, precision)
        if not values.isfinite().all():
            raise TaskFailed("the model's outputs are no numbers (NaN or infinite); its weights are damaged.")
        entry = Entry({COLUMN: values.numpy().astype("<f4").tobytes()}, len(values))
        ledger.add(key, entry, account.cost(len(values), examples.starts[row]))
        account.count()


def _values(entry: Entry) -> "torch.Tensor":
    import numpy as np

    import torch

    return torch.from_numpy(np.frombuffer(entry.columns[COLUMN], "<f4").astype("float32"))
