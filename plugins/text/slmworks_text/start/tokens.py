"""Lengths of the inputs of a data set, in tokens of a model's tokenizer or in words."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.catalog import model_task
from slmworks_text.conversations.token_lengths import Measure, Tokens, Words
from slmworks_text.lengths import Lengths
from slmworks_text.start.recipe_text import LEAST

ROWS = 20_000
"""Rows whose lengths are counted."""
SPECIAL = 2
"""Tokens that an encoder puts around a text."""
TOKENS_A_WORD = 1.4
"""Of WordPiece on English text; a guess where no tokenizer is at hand."""
SHARE = 99
"""Per cent of the training texts that are to fit whole."""
MOST, STEP = 256, 8
"""Bounds of a `max_length`."""


def measure_of(folder: Path | None) -> Measure:
    """Tokens where the folder of a model has one tokenizer.json, else words."""
    if folder is None or len(list(folder.rglob("tokenizer.json"))) != 1:
        return Words()
    return Tokens(folder, folder.name)


def lengths(data: Dataset, split: str, measure: Measure) -> Lengths:
    """Lengths of a split's inputs, special tokens included; the longer one's where targets are read too."""
    found = Lengths()
    around = SPECIAL if isinstance(measure, Tokens) else 0
    purpose = model_task(str(data.meta["task"]))
    columns = (purpose.inputs[0], *(purpose.targets if purpose.reads_targets else ()))
    for row in zip(*(first_rows(data, split, column, ROWS) for column in columns), strict=True):
        found.update([max(measure.of(texts_in(value)) for value in row if value is not None) + around])
    return found


def fitting(measured: Lengths, unit: str, positions: int) -> int:
    """A `max_length` in tokens that nearly all training texts fit into; `positions`: those of the model."""
    longest = measured.quantile(SHARE)
    wanted = longest if unit == "tokens" else longest * TOKENS_A_WORD + SPECIAL
    return int(min(MOST, positions, max(LEAST, -(-wanted // STEP) * STEP)))


def texts_in(value: Any) -> Sequence[str]:
    """The texts of an input: itself, or the contents of its turns."""
    if isinstance(value, str):
        return [value]
    return [str(turn.get("content") or "") for turn in value or () if isinstance(turn, dict)]


def first_rows(data: Dataset, split: str, column: str, rows: int) -> Iterator[Any]:
    """The first values of a column; rows are sorted by the digest of their content, so in no order."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(data.file(split)) as file:
        for batch in file.iter_batches(4096, columns=[column], use_threads=False):
            yield from batch.column(0).to_pylist()[:rows]
            rows -= len(batch)
            if rows <= 0:
                return
