"""Training rows that overlap with what is measured: n-grams of validation, test and further evaluation sets.

After Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C: texts in lower case without
punctuation, 13 words an n-gram. A text shorter than that is compared as a whole, with other such texts.
"""

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from slmworks.contract.documented import Documented
from slmworks_text.arrays import distinct
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Key, Ledger, compared
from slmworks_text.rows import PLACES, POOL, TRANSFER, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.shingles import units

HELD_OUT = ("test", "validation")


class Decontamination(Documented):
    """How training rows that overlap with evaluation sets are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ngram: int = Field(default=13, ge=2, le=50)
    """Words of an n-gram (in Chinese, Japanese, Thai and their like characters); shorter texts are compared
    as a whole."""
    overlap: float = Field(default=0.0, ge=0, lt=1)
    """Rows of which a larger share of n-grams is in an evaluation set are dropped; 0: a single one is
    enough."""
    against: tuple[str, ...] = ()
    """Inputs that are evaluation sets besides `validation` and `test`; none of their rows is kept."""


@dataclass(frozen=True)
class EvaluationSet:
    """The n-grams of one evaluation set."""

    name: str
    grams: Any
    """Sorted 64-bit digests (uint64)."""


def evaluation_sets(
    rows: StoredRows, ledger: Ledger, further: Mapping[str, Iterable[str]], size: int, key: Key | None
) -> list[EvaluationSet]:
    """Those of the held-out splits with rows, and of further texts by name. Memory: 8 bytes an n-gram."""
    found = {split: array("Q") for split in HELD_OUT}
    places = {PLACES.index(split): grams for split, grams in found.items()}
    done = 0
    for batch in rows.batches("text", "target"):
        here = slice(done, done := done + len(batch))
        wanted = (ledger.kept[here] & (ledger.place[here] < POOL)).nonzero()[0]
        for place, text in zip(ledger.place[here][wanted], compared(batch.take(wanted), key), strict=True):
            places[int(place)].extend(digests(text, size))
    for name, texts in further.items():
        found[name] = array("Q")
        for text in texts:
            found[name].extend(digests(text, size))
    return [EvaluationSet(name, _sorted(grams)) for name, grams in found.items() if grams]


def drop_contaminated(
    rows: StoredRows,
    ledger: Ledger,
    sets: Sequence[EvaluationSet],
    options: Decontamination,
    tally: Tally,
    watch: Watch,
    key: Key | None = None,
) -> None:
    """Drop rows of train and transfer of which more than the share is in an evaluation set."""
    import numpy as np

    for one in sets:
        tally.dropped[reason_of(one)] += 0
    done = 0
    for batch in rows.batches("text", "target"):
        here = slice(done, end := done + len(batch))
        train = (ledger.place[here] == POOL) | (ledger.place[here] == TRANSFER)
        wanted = (ledger.kept[here] & train).nonzero()[0]
        for at, text in zip((wanted + done).tolist(), compared(batch.take(wanted), key), strict=True):
            grams = np.array(digests(text, options.ngram), "uint64")
            for one in sets:
                share = float(_among(grams, one.grams).mean())
                if share > options.overlap:
                    ledger.kept[at] = False
                    tally.dropped[reason_of(one)] += 1
                    watch.overlaps(at, one.name, share)
                    break
        done = end


def reason_of(one: EvaluationSet) -> str:
    """The reason as it is counted."""
    return f"overlaps with {one.name}"


def digests(text: str, size: int) -> list[int]:
    """64 bits of the digest of each n-gram of a text; of a shorter one, of all of it."""
    words = units(text)
    grams = [" ".join(words[i : i + size]) for i in range(len(words) - size + 1)] or ["\0" + " ".join(words)]
    return [int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest()) for gram in grams]


def _sorted(grams: Any) -> Any:
    import numpy as np

    return distinct(np.frombuffer(grams, "uint64"))


def _among(grams: Any, known: Any) -> Any:
    """True for each that is among the known ones (sorted, at least one)."""
    import numpy as np

    at = np.minimum(np.searchsorted(known, grams), len(known) - 1)
    return known[at] == grams
