"""Where bytes live, and how they get there exactly once: a folder, or a prefix in a bucket.

Back ends that cannot create a key only if it is absent are refused: commits, leases on sequence
numbers and the approval log all stand on that one verb.
"""

from slmworks.store.address import open_store
from slmworks.store.contract import Store

__all__ = ["Store", "open_store"]
