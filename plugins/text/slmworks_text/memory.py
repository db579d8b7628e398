"""Arrow's memory given back as soon as it is free."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def system_memory() -> Iterator[None]:
    """Let Arrow take memory from the C library: its own pool keeps what is free, some 50 MB of a curation."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
