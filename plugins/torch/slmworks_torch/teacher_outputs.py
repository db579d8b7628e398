"""Outputs of a teacher network, computed once and shared by every student of that teacher and data."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.rows import Rows
from slmworks_torch.scoring import outputs_of

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.networks import Forward

FILE = "outputs.npy"
"""The outputs, float32 [rows, width], in the order of the rows."""


def shared(
    name: str,
    build: Callable[[Path], None],
    teacher: Model,
    network: "TextNetwork",
    data: Dataset,
    rows: Rows,
    task: Task,
) -> "torch.Tensor":
    """A teacher's outputs, float32 [rows, width], in the order of `rows`.

    `build(folder)` calls `write`, and is defined beside the function that computes the output: the code of
    its module belongs to the result's identity. The student's shape, seed and loss don't.
    """
    import numpy as np

    import torch

    asked = json.dumps([rows.ids, rows.texts], ensure_ascii=True).encode()
    found = task.share(
        name,
        inputs={"teacher": teacher, "data": data},
        options={"max_length": network.max_length, "rows": hashlib.sha256(asked).hexdigest()},
        build=build,
    )
    return torch.from_numpy(np.load(found.path / FILE, allow_pickle=False))


def write(folder: Path, network: "TextNetwork", forward: "Forward", rows: Rows, task: Task) -> None:
    """Run a teacher network on all rows and write its outputs into `folder`."""
    import numpy as np

    from slmworks_torch.devices import device
    from slmworks_torch.training import TELL

    told = 0.0

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told > TELL or done == len(rows):
            told = time.monotonic()
            task.progress(done, len(rows), note="asking the teacher")

    net = network.net.to(device())
    np.save(folder / FILE, outputs_of(net, forward, network.encode(rows.texts), tell=tell).numpy())
