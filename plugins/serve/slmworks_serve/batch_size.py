"""How many rows to compute together: measured on the machine that serves, with the model it serves.

A larger batch is not a faster one everywhere: what a small model gains in fewer calls it loses again once
its activations no longer fit a core's cache.
"""

import time
from dataclasses import replace

from slmworks_serve.model import Loaded

SECONDS = 0.05
"""For each size."""
CLOSE = 0.9
"""Of two sizes the smaller one, if it reaches so much of the larger one's rate: its rows wait less, and are
padded less than these, which are all of one length."""


def paced(loaded: Loaded, most: int) -> Loaded:
    """The model with the size of batch, up to `most`, at which one thread answers most rows a second.

    A generator stays as it is: it takes each row by itself.
    """
    if loaded.streaming:
        return loaded
    sizes = [1 << power for power in range(most.bit_length())]
    rates = {size: _rate(loaded, size) for size in sizes}
    best = max(rates.values())
    return replace(loaded, batch=next(size for size in sizes if rates[size] >= CLOSE * best))


def _rate(loaded: Loaded, size: int) -> float:
    """Rows a second; the first batch of a size is slow and doesn't count."""
    rows = [loaded.task.input_sample()] * size
    loaded.answer(rows)
    begun, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - begun) < SECONDS:
        loaded.answer(rows)
        done += size
    return done / spent
