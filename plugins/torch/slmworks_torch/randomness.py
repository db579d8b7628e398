"""The random states that a training draws from: Python's, numpy's and torch's, seeded, kept and restored."""

import random
from collections.abc import Mapping
from typing import Any

SEEDS = 2**32
"""numpy takes seeds below it."""


def seed(number: int) -> None:
    """The same numbers from here on in every process."""
    import numpy as np

    import torch

    random.seed(number)
    np.random.seed(number % SEEDS)  # noqa: NPY002 - it is what networks of others draw from
    torch.manual_seed(number)


def state() -> dict[str, Any]:
    """All of them as plain values and tensors."""
    import numpy as np

    import torch

    name, keys, *rest = tuple(np.random.get_state(legacy=True))  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (name, np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
    }


def restore(kept: Mapping[str, Any]) -> None:
    """Go on where `state` was taken, on a machine with as many GPUs."""
    import numpy as np

    import torch

    random.setstate(kept["python"])
    np.random.set_state(kept["numpy"])  # noqa: NPY002
    torch.set_rng_state(kept["torch"])
    torch.cuda.set_rng_state_all(kept["cuda"])
