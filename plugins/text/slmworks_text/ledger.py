"""Per-row numbers kept in memory, ordered by id; the texts are on disk.

Memory a row: 8 bytes here (16 with groups, 24 with templates), 12 while duplicates are dropped, 8 of the
texts among which near duplicates are looked for, and 20 of the pool while it is split.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks_text.rows import POOL
from slmworks_text.rows_on_disk import DIGEST, StoredRows, folded_digest, number_of
from slmworks_text.schema import Stratum
from slmworks_text.text_hashes import Hashes

COUNTED = 262_144
"""Rows at a time, since numpy counts in copies of eight bytes."""


@dataclass
class Ledger:
    """Arrays with an entry a row."""

    place: Any
    """Index into `PLACES` (uint8); the pool counts as `train` until it is split."""
    stratum: Any
    """Index into `strata` (uint32)."""
    target: Any
    """64 bits of the target's digest (uint64), 0 for none; needed until duplicates are dropped."""
    kept: Any
    """False for a dropped row (bool)."""
    searched: Any
    """True for one row of each text among which near duplicates are looked for (bool)."""
    strata: Sequence[Stratum]
    """Strata by number."""
    group: Any = None
    """Number of the group (uint64), 0 for none; None where no row has one."""
    template: Any = None
    """The same of the template."""

    @property
    def pool(self) -> Any:
        """The kept rows of the pool, as positions (uint32)."""
        import numpy as np

        return np.arange(len(self.kept), dtype="uint32")[self.kept & (self.place == POOL)]

    def counts(self, place: int) -> dict[Stratum, int]:
        """Stratum -> kept rows at a place."""
        import numpy as np

        found = np.zeros(len(self.strata), "int64")
        for start in range(0, len(self.kept), COUNTED):
            some = slice(start, start + COUNTED)
            here = self.stratum[some][self.kept[some] & (self.place[some] == place)]
            found += np.bincount(here, minlength=len(self.strata))
        return {stratum: count for stratum, count in zip(self.strata, found.tolist(), strict=True) if count}


Key = Callable[[str, str], str]
"""Takes a row's text and target (empty for none); returns the text that it is compared by."""


def survey(rows: StoredRows, keys: Hashes, key: Key | None = None, answer: Key | None = None) -> Ledger:
    """Read the rows once: their numbers, and into `keys` 128 bits of each key's digest, without its case.

    `key`: None where a row's text is what it is compared by. `answer`: the same of its target.
    """
    import numpy as np

    place, stratum, target = (np.empty(rows.size, kind) for kind in ("uint8", "uint32", "uint64"))
    group, template = (np.zeros(rows.size, "uint64") for _ in range(2))  # no memory until written to
    done, grouped = 0, set[str]()
    read = {"target", "stratum", "place", "group", "template"}
    read |= {"folded"} if key is None else {"text"}
    read |= {"text"} if answer is not None else set()
    for batch in rows.batches(*read):
        here = slice(done, done := done + len(batch))
        place[here], stratum[here] = (batch.column(name).to_numpy() for name in ("place", "stratum"))
        for name, numbers in (("group", group), ("template", template)):
            if (found := batch.column(name).to_numpy()).any():
                grouped.add(name)
                numbers[here] = found
        target[here] = _numbers(batch.column("target")) if answer is None else _answers(batch, answer)
        keys.extend(_digests(batch, key))
    return Ledger(
        place=place,
        stratum=stratum,
        target=target,
        kept=np.ones(rows.size, bool),
        searched=np.ones(rows.size, bool),
        strata=rows.strata,
        group=group if "group" in grouped else None,
        template=template if "template" in grouped else None,
    )


def compared(batch: Any, key: Key | None) -> list[str]:
    """What the rows of a batch with `text` and `target` are compared by."""
    texts: list[str] = batch.column("text").to_pylist()
    if key is None:
        return texts
    targets = batch.column("target").to_pylist()
    return [key(text, target or "") for text, target in zip(texts, targets, strict=True)]


def _digests(batch: Any, key: Key | None) -> Any:
    """Digests of what the rows are compared by, two 64-bit numbers each."""
    import numpy as np

    if key is None:
        column = batch.column("folded").combine_chunks()
        stored = np.frombuffer(column.buffers()[1], "uint64", 2 * len(column), DIGEST * column.offset)
        return stored.reshape(-1, 2)
    digests = b"".join([folded_digest(text) for text in compared(batch, key)])
    return np.frombuffer(digests, "uint64").reshape(-1, 2)


def _answers(batch: Any, answer: Key) -> list[int]:
    """A number for the answer of each row of a batch, 0 for a row without."""
    has = batch.column("target").is_valid().to_pylist()
    found = compared(batch, answer)
    return [number_of(text) if there else 0 for text, there in zip(found, has, strict=True)]


def _numbers(column: Any) -> Any:
    """A number for each text of a column (uint64), 0 for null; each different text is hashed once."""
    import numpy as np

    found = column.combine_chunks().dictionary_encode()
    numbers = np.array([0, *map(number_of, found.dictionary.to_pylist())], "uint64")
    return numbers[np.asarray(found.indices.fill_null(-1)) + 1]
