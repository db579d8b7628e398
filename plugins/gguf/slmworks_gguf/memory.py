"""Memory that nothing uses any more, given back to the machine before the next large thing is loaded."""

import ctypes
import gc


def give_back() -> None:
    """Collect cycles, and let the C library return what it holds free (glibc only; elsewhere it decides)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
