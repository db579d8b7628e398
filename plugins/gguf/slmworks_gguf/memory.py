"""Memory that nothing uses any more, given back to the machine before the next large thing is loaded."""

import gc

from slmworks.machine.memory import trim


def give_back() -> None:
    """Collect cycles, and let the C library return what it holds free."""
    gc.collect()
    trim()
