"""Arrays of numbers, where numpy's own way is slow."""

from typing import Any


def distinct(numbers: Any) -> Any:
    """The numbers, ascending and each once; by sorting, since `np.unique` takes a slow table for hashes."""
    import numpy as np

    ordered = np.sort(numbers)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered
