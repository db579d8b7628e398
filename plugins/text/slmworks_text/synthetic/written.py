"""The data set that new rows become: its splits as Parquet, and their part of `card.json`."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text.conversations import table
from slmworks_text.conversations.conversation import Conversation
from slmworks_text.data_card import TextLengths

SOURCE = "synthetic"
"""Source of every row that a teacher wrote."""


@dataclass(frozen=True)
class NewRow:
    """A row that is kept."""

    conversation: Conversation
    seed: int
    """The seed that it was asked for with."""

    @property
    def id(self) -> str:
        """20 hex digits of the digest of all that it says."""
        said = f"{self.conversation.packed()}\0{self.conversation.completion}\0{SOURCE}"
        return hashlib.sha256(said.encode()).hexdigest()[:20]


def write_beside(
    data: Dataset, new: Sequence[NewRow], folder: Path, *, keep: bool
) -> dict[str, dict[str, Any]]:
    """New rows as `train`, with the real ones if `keep`; all other splits as they are, to the byte."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = _table(new, schema="train" in data.splits and data.has("train", "schema"))
    if keep and "train" in data.splits:
        real = pq.ParquetFile(data.file("train")).read()
        rows = pa.concat_tables([real, rows], promote_options="permissive")
    found = {"train": _described(table.write(rows, folder / "train.parquet"))}
    for split in data.splits:
        if split != "train":
            shutil.copyfile(data.file(split), folder / f"{split}.parquet")
            found[split] = _described(pq.ParquetFile(data.file(split)).read())
    return found


def write_split(
    new: Sequence[NewRow], shares: Mapping[str, float], seed: int, folder: Path, *, schema: bool
) -> dict[str, dict[str, Any]]:
    """New rows split at random, by shares of all: nothing else is there to hold out.

    BadRequest where a split would have no row.
    """
    drawn = sorted(new, key=lambda row: hashlib.sha256(f"{seed}\0{row.id}".encode()).digest())
    found, start = {}, 0
    counts = {split: round(share * len(drawn)) for split, share in shares.items()}
    counts["train"] = len(drawn) - sum(counts.values())
    for split, count in counts.items():
        if count < 1:
            raise BadRequest(
                f"the split '{split}' would be empty: the teacher wrote {len(drawn)} usable rows; ask for "
                "more `rows`, or give `seeds` with splits of their own."
            )
        rows = _table(drawn[start : start + count], schema=schema)
        found[split] = _described(table.write(rows, folder / f"{split}.parquet"))
        start += count
    return found


def _table(new: Sequence[NewRow], *, schema: bool) -> Any:
    rows = (
        {
            "id": row.id,
            "messages": [{"role": role, "content": said} for role, said in row.conversation.messages],
            "completion": row.conversation.completion,
            "source": SOURCE,
            "schema": row.conversation.schema,
        }
        for row in new
    )
    return table.table_of(rows, ("schema",) if schema else ())


def _described(written: Any) -> dict[str, Any]:
    """What a card says of rows."""
    prompts, answers = TextLengths(), TextLengths()
    rows = written.select(["messages", "completion", "source"]).to_pylist()
    sources: dict[str, int] = {}
    for row in rows:
        sources[row["source"] or ""] = sources.get(row["source"] or "", 0) + 1
        prompts.update(["\n".join(one["content"] for one in row["messages"] if one["role"] != "tools")])
        if row["completion"] is not None:
            answers.update([row["completion"]])
    found = {"rows": len(rows), "sources": dict(sorted(sources.items())), **prompts.described()}
    return found | ({"target": answers.described()} if answers.characters.counts else {})
