"""What is known of every row while its text is on disk: a few numbers, in the order of ids.

Memory a row: 8 bytes here (16 with groups), 4 while repeats are settled, 8 of the texts that near duplicates
are looked for among, and 20 of the pool while it is split.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmworks_text.rows import POOL
from slmworks_text.rows_on_disk import Shelf
from slmworks_text.text_hashes import Hashes


@dataclass
class Ledger:
    """Arrays with an entry a row."""

    place: Any
    """Index into `PLACES` (uint8); the pool counts as `train` until it is split."""
    stratum: Any
    """Index into `strata` (uint32)."""
    kept: Any
    """Whether the row stays (bool)."""
    asked: Any
    """Whether near duplicates of its text are looked for (bool): once for each text of which a row stays."""
    strata: Sequence[tuple[str, str]]
    """Pairs of label and source."""
    group: Any = None
    """Number of the group (uint64), 0 for none; None where no row has one."""

    @property
    def pool(self) -> Any:
        """The kept rows of the pool, as positions (uint32)."""
        import numpy as np

        return np.flatnonzero(self.kept & (self.place == POOL)).astype("uint32")

    def counts(self, place: int) -> dict[tuple[str, str], int]:
        """(label, source) -> kept rows at a place."""
        import numpy as np

        here = self.stratum[self.kept & (self.place == place)]
        found = np.bincount(here, minlength=len(self.strata)).tolist()
        return {pair: count for pair, count in zip(self.strata, found, strict=True) if count}


def survey(shelf: Shelf, keys: Hashes) -> Ledger:
    """Walk over the rows once: their numbers, and the digest of what makes two texts equal (not case)."""
    import numpy as np

    place, stratum, group = (np.empty(shelf.size, kind) for kind in ("uint8", "uint32", "uint64"))
    done = 0
    for batch in shelf.batches("text", "stratum", "place", "group"):
        here = slice(done, done := done + len(batch))
        place[here], stratum[here], group[here] = (
            batch.column(name).to_numpy() for name in ("place", "stratum", "group")
        )
        digests = b"".join(
            hashlib.blake2b(text.casefold().encode(), digest_size=16).digest()
            for text in batch.column("text").to_pylist()
        )
        keys.extend(np.frombuffer(digests, "uint64").reshape(-1, 2))
    return Ledger(
        place=place,
        stratum=stratum,
        kept=np.ones(shelf.size, bool),
        asked=np.ones(shelf.size, bool),
        strata=shelf.strata.pairs,
        group=group if group.any() else None,
    )
