"""The splits of conversations as Parquet, and their part of `card.json`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slmworks_text.checks import Counts, by_source
from slmworks_text.conversations import table
from slmworks_text.conversations.conversation import Message, unpacked
from slmworks_text.conversations.reading import ChatTally
from slmworks_text.conversations.token_lengths import Measure, Tokens, contents
from slmworks_text.data_card import TextLengths, counted
from slmworks_text.lengths import Lengths


class ChatSplit:
    """One `<split>.parquet`: id, messages, completion, source, what else is asked for; and its lengths."""

    def __init__(self, path: Path, sources: Any, measure: Measure, *, further: Sequence[str]) -> None:
        """Open the file; `sources` is an Arrow array with the source of each stratum.

        `further`: columns besides those that all have, `schema` and `rejected`.
        """
        self.file = table.opened(path, further)
        self.sources = sources
        self.measure = measure
        self.further = further
        self.prompt, self.answer, self.turns = TextLengths(), TextLengths(), Lengths()
        self.rejected = TextLengths()
        self.lengths = {part: Lengths() for part in ("prompt", "completion", "rejected", "all")}

    def extend(self, given: Any) -> None:
        """Add rows of id, text, target and stratum."""
        import pyarrow as pa

        rows = [unpacked(text) for text in given.column("text").to_pylist()]
        answers = given.column("target").to_pylist()
        rejected = [worse or None for _, _, worse in rows]
        for (messages, _, _), answer, worse in zip(rows, answers, rejected, strict=True):
            self._count(messages, answer, worse)
        said = [[{"role": role, "content": content} for role, content in messages] for messages, _, _ in rows]
        columns = [
            given.column("id"),
            pa.array(said, self.file.schema.field("messages").type),
            given.column("target").cast(pa.string()),
            self.sources.take(given.column("stratum")),
        ]
        also = {"schema": [schema for _, schema, _ in rows], "rejected": rejected}
        columns += [pa.array(also[name], pa.string()) for name in self.further]
        self.file.extend(columns)

    def close(self) -> None:
        """Write the rows that are left."""
        self.file.close()

    def described(self, counts: Counts) -> dict[str, Any]:
        """Rows, sources and lengths."""
        sources = by_source(counts)
        found: dict[str, Any] = {
            "rows": sources.total(),
            "sources": dict(sources),
            "turns": self.turns.summary(),
            **self.prompt.described(),
        }
        if self.answer.characters.counts:
            found["target"] = self.answer.described()
        if self.rejected.characters.counts:
            found["rejected"] = self.rejected.described()
        if isinstance(self.measure, Tokens):
            found["tokens"] = {
                part: lengths.distribution("tokens") | lengths.summary()
                for part, lengths in self.lengths.items()
                if lengths.counts
            }
        return found

    def _count(self, messages: Sequence[Message], answer: str | None, rejected: str | None) -> None:
        said = contents(messages)
        self.turns.update([len(messages)])
        self.prompt.update(["\n".join(content for role, content in messages if role != "tools")])
        for lengths, text in ((self.answer, answer), (self.rejected, rejected)):
            if text is not None:
                lengths.update([text])
        if isinstance(self.measure, Tokens):
            self._count_tokens(self.measure, said, answer, rejected)

    def _count_tokens(
        self, measure: Tokens, said: Sequence[str], answer: str | None, rejected: str | None
    ) -> None:
        """`all`: the prompt with the longer answer."""
        before = measure.of(said)
        after = {"completion": answer, "rejected": rejected}
        counts = {part: measure.of([text]) for part, text in after.items() if text is not None}
        self.lengths["prompt"].update([before])
        self.lengths["all"].update([before + max(counts.values(), default=0)])
        for part, count in counts.items():
            self.lengths[part].update([count])


def describe_chat(
    splits: Mapping[str, ChatSplit], counts: Mapping[str, Counts], tally: ChatTally, *, rows_in: int
) -> dict[str, Any]:
    """Rows in and out with the reason for each that is missing, and statistics a split."""
    return counted(splits, counts, tally, rows_in) | {
        "shapes": dict(tally.shapes),
        "splits": {split: file.described(counts[split]) for split, file in splits.items()},
    }
