"""A data set in a few counts, read once from the Parquet files of its splits.

Memory: 32 MB for words, a number a label and a length, and the sampled texts.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest
from slmworks_text.rows import LABELLED
from slmworks_text.shingles import units

BUCKETS = 1 << 20
"""Words are counted by hash; of the words of a language few share a bucket."""
BATCH = 4096
NEW = 20_000
"""Words that the other one lacks which are counted by name."""
WORD = re.compile(r"[^\W\d_]{3,30}")
"""Words that may be named: no numbers, no addresses."""


@dataclass
class Sketch:
    """What is compared."""

    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """Empty where the model task has no classes."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Words of a row -> rows."""
    halves: Any = None
    """How often each word is there, by half of the rows (int64 [2, buckets])."""
    sample: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Id and texts of some rows, those with the smallest ids: ids are digests, so these are drawn."""
    new: Counter[str] = field(default_factory=Counter)
    """Words that the other one lacks -> rows."""

    @property
    def words(self) -> Any:
        """How often each word is there (int64 [buckets])."""
        return self.halves.sum(0)


def splits_in(folder: Path) -> dict[str, Path]:
    """Split -> file, of the splits that are compared."""
    return {path.stem: path for path in sorted(folder.rglob("*.parquet")) if path.stem in LABELLED}


def sketch(
    files: Mapping[str, Path], model_task: str, *, sampled: int, beside: Sketch | None = None, name: str = ""
) -> Sketch:
    """Read the splits; `beside`: what lacks new words. BadRequest for files without the columns."""
    import numpy as np

    found = Sketch(halves=np.zeros((2, BUCKETS), "int64"))
    known = beside.words if beside is not None else None
    purpose = catalog.model_task(model_task)
    target = purpose.targets[0] if purpose.classes else None
    columns = ["id", *purpose.inputs, *([target] if target else [])]
    for split, path in files.items():
        for batch in _batches(path, columns, f"{name}/{split}.parquet" if name else str(path)):
            if target:
                found.labels.update(one for one in batch.column(target).to_pylist() if one)
            texts = [batch.column(column).to_pylist() for column in purpose.inputs]
            for id_, *values in zip(batch.column("id").to_pylist(), *texts, strict=True):
                _add(
                    found,
                    str(id_),
                    tuple(text for value in values for text in texts_in(value)),
                    known,
                    sampled,
                )
    if not found.rows:
        raise BadRequest(f"{name or 'the earlier data set'}: has no row in train, validation or test.")
    return found


def texts_in(value: Any) -> Iterator[str]:
    """The texts of an input: itself, the contents of its turns, or its words."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Sequence):
        words = [one for one in value if isinstance(one, str)]
        if words:
            yield " ".join(words)
        yield from (str(one.get("content") or "") for one in value if isinstance(one, Mapping))


def _add(found: Sketch, id_: str, texts: tuple[str, ...], known: Any, sampled: int) -> None:
    half = found.rows % 2
    found.rows += 1
    words = [word for text in texts for word in units(text)]
    found.lengths[len(words)] += 1
    counts = found.halves[half]
    for word, times in Counter(words).items():
        bucket = crc32(word.encode("utf-8", "replace")) % BUCKETS
        counts[bucket] += times
        if known is not None and not known[bucket] and WORD.fullmatch(word):
            _count(found.new, word)
    key = _Largest(id_), texts
    if len(found.sample) < sampled:
        heapq.heappush(found.sample, key)
    elif sampled and id_ < found.sample[0][0]:
        heapq.heapreplace(found.sample, key)


def _count(words: Counter[str], word: str) -> None:
    if word in words or len(words) < NEW:
        words[word] += 1


class _Largest(str):
    """A text that sorts the other way round, for a heap whose first one is the largest."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def _batches(path: Path, columns: Sequence[str], shown: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if missing := [name for name in columns if name not in file.schema_arrow.names]:
                raise BadRequest(
                    f"with.drift: {shown} has no column '{missing[0]}', so it is no data set for the same "
                    "model task; give the Parquet files that a curate step wrote."
                )
            yield from file.iter_batches(BATCH, columns=list(columns), use_threads=False)
    except pa.ArrowInvalid as error:
        raise BadRequest(f"with.drift: {shown}: is no Parquet file ({error}).") from None
