"""A data set in a few counts, read once from the Parquet files of its splits.

Memory: 32 MB for words, a number a label and a length, and the sampled texts.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from slmworks.contract import catalog
from slmworks_text.drift.new_words import NewWords
from slmworks_text.drift.splits import batches, rows_of, splits_in
from slmworks_text.shingles import units

BUCKETS = 1 << 20
"""Words are counted by hash; of the words of a language few share a bucket."""


@dataclass
class Sketch:
    """What is compared."""

    rows: int = 0
    drawn: int = 0
    """So many rows are drawn, evenly from all of them: a curated split is sorted by digests."""
    labels: Counter[str] = field(default_factory=Counter)
    """Empty where the model task has no classes."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Words of a row -> rows."""
    parts: Any = None
    """How often each word is in the rows that aren't drawn, and in those that are (int64 [2, buckets])."""
    sample: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Id and texts of some rows, those with the smallest ids: ids are digests, so these are drawn."""
    new: NewWords | None = None
    """Words that the other one lacks."""

    @property
    def words(self) -> Any:
        """How often each word is there (int64 [buckets])."""
        return self.parts.sum(0)


def sketches(
    earlier: tuple[Path, str], later: tuple[Path, str], model_task: str, *, sampled: int = 0
) -> tuple[Sketch, Sketch]:
    """Both data sets, each a folder and what it is called in messages; BadRequest where it is none.

    As many rows of each are drawn, at most half of the earlier ones: what these differ by from the other
    half is chance, and may be held against what the later ones differ by.
    """
    (folder, name), (later_folder, later_name) = earlier, later
    before, now = splits_in(folder, name), splits_in(later_folder, later_name)
    drawn = min(max(1, rows_of(before, name) // 2), rows_of(now, later_name))
    found = sketch(before, model_task, sampled=sampled, drawn=drawn, name=name)
    return found, sketch(now, model_task, sampled=sampled, drawn=drawn, beside=found, name=later_name)


def sketch(
    files: Mapping[str, Path],
    model_task: str,
    *,
    sampled: int = 0,
    drawn: int = 0,
    beside: Sketch | None = None,
    name: str = "data",
) -> Sketch:
    """Read the splits; `beside`: what lacks new words. BadRequest for files without the columns."""
    import numpy as np

    found = Sketch(drawn=drawn, parts=np.zeros((2, BUCKETS), "int64"))
    known = beside.words if beside is not None else None
    found.new = NewWords() if beside is not None else None
    purpose = catalog.model_task(model_task)
    target = purpose.targets[0] if purpose.classes else None
    whole = rows_of(files, name)
    for split, path in files.items():
        for batch in batches(path, purpose.inputs, target, f"{name}/{split}.parquet"):
            if target:
                found.labels.update(one for one in batch.column(target).to_pylist() if one)
            texts = [batch.column(column).to_pylist() for column in purpose.inputs]
            for id_, *values in zip(batch.column("id").to_pylist(), *texts, strict=True):
                row = tuple(text for value in values for text in texts_in(value))
                part = (found.rows + 1) * drawn // whole - found.rows * drawn // whole
                _add(found, row, known, part)
                _sample(found.sample, str(id_), row, sampled)
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


def _add(found: Sketch, texts: tuple[str, ...], known: Any, part: int) -> None:
    """Count the words of a row; `part`: 1 for one that is drawn."""
    found.rows += 1
    words = [word for text in texts for word in units(text)]
    found.lengths[len(words)] += 1
    counts, unknown = found.parts[part], []
    for word, times in Counter(words).items():
        bucket = crc32(word.encode("utf-8", "replace")) % BUCKETS
        counts[bucket] += times
        if known is not None and not known[bucket]:
            unknown.append(word)
    if found.new is not None and unknown:
        found.new.add(texts, unknown)


def _sample(
    sample: list[tuple[str, tuple[str, ...]]], id_: str, texts: tuple[str, ...], sampled: int
) -> None:
    key = _Largest(id_), texts
    if len(sample) < sampled:
        heapq.heappush(sample, key)
    elif sampled and id_ < sample[0][0]:
        heapq.heapreplace(sample, key)


class _Largest(str):
    """A text that sorts the other way round, for a heap whose first one is the largest."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)
