"""Arrow with as little memory as it needs, given back when it is free and without pandas; few collections."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder

COLLECTED = 50_000
"""Objects after which Python looks for garbage in cycles; its usual 700 are some 50 rows."""


def give_back() -> None:
    """Return to the operating system what is free."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


@contextmanager
def frugal_memory() -> Iterator[None]:
    """Work as `be_frugal` says, and afterwards as before. It holds for the whole process."""
    import pyarrow as pa

    pool, threshold = pa.default_memory_pool(), gc.get_threshold()
    be_frugal()
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        gc.set_threshold(*threshold)


def be_frugal() -> None:
    """Let Arrow take memory from the C library, and let Python look for cycles seldom.

    Arrow's own pool keeps what is free, some 50 MB of a curation; rows have no cycles, and a batch of them is
    thousands of objects.
    """
    import pyarrow as pa

    spare_pandas()
    pa.set_memory_pool(pa.system_memory_pool())
    gc.set_threshold(COLLECTED, *gc.get_threshold()[1:])


def spare_pandas() -> None:
    """Let Arrow find no pandas when it first makes an array and asks for it: 37 MB and a third of a second.

    A curation has a process of its own. In one that it shares, pandas can still be imported, and Arrow makes
    and takes its tables; but for `pa.array` a Series is from then on a sequence like any other (NaN is a
    number, not null). Where pandas is loaded already, nothing changes.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(hidden)


class _NoPandas(MetaPathFinder):
    """Finds no pandas, and leaves all other modules to the next finder."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """ModuleNotFoundError for pandas."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
