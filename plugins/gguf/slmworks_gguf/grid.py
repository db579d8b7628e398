"""Weights that lie on a grid already, as blocks of Q4_0: what another quantizer decided is kept.

Rounding such weights to nearest would lay another grid over theirs: Q4_0 takes its step from the largest
weight of a block, and a tuned step is smaller.
"""

from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed

if TYPE_CHECKING:
    import numpy as np

    _Array = np.ndarray[Any, Any]

BLOCK = 32
_LEVELS = (*range(-1, -9, -1), *range(1, 8))
"""Integers that a block's largest weight may be."""
_OFF = 1e-3
"""Distance from an integer, in steps, that is taken for rounding of floats."""


def q4_0(values: "_Array", *, name: str) -> "_Array":
    """Rows of float32 [rows, columns], each 32 weights integers from -8 to 7 times a step, as bytes of Q4_0.

    TaskFailed for the tensor `name` where they are not.
    """
    import numpy as np

    rows, columns = values.shape
    given = np.ascontiguousarray(values, np.float32).reshape(-1, BLOCK)
    steps = _steps(given)
    if np.isnan(steps).any():
        raise TaskFailed(
            f"quantize: {int(np.isnan(steps).sum())} of {len(given)} blocks of {name} are no integers from "
            "-8 to 7 times a step, so they were not quantized in groups of 32."
        )
    safe = np.where(steps == 0, 1, steps)
    codes = (np.rint(given / safe[:, None]) + 8).astype(np.uint8)
    nibbles = codes[:, : BLOCK // 2] | codes[:, BLOCK // 2 :] << 4
    scales = steps.astype("<f2").view(np.uint8).reshape(-1, 2)
    return np.concatenate([scales, nibbles], 1).reshape(rows, columns // BLOCK * 18)


def _steps(blocks: "_Array") -> "_Array":
    """The largest step of each block that makes integers of its weights, float32 [blocks]; NaN for none."""
    import numpy as np

    top = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(1)]
    found = np.where(top == 0, 0, np.nan).astype(np.float32)
    for level in sorted(_LEVELS, key=abs):
        left = np.isnan(found)
        step = top[left] / np.float32(level)
        ratio = blocks[left] / step[:, None]
        whole = np.rint(ratio)
        fits = ((np.abs(ratio - whole) < _OFF) & (whole >= -8) & (whole <= 7)).all(1)
        found[left] = np.where(fits, step, np.nan)
    return found
