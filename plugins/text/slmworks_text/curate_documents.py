"""`curate/documents`: text files, Markdown, HTML and PDF to chunks, for retrieval or as plain text."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.curate.operators import Chosen
from slmworks_text import progress
from slmworks_text.card_warnings import operator_warnings
from slmworks_text.checks import Loss, reasons
from slmworks_text.conversations.token_lengths import Measure, Tokens, Words
from slmworks_text.curate_rows import Gathered, Models
from slmworks_text.data_card import by_operators, summary, write_card, write_splits
from slmworks_text.documents.card import PLACE, ChunkSplit, describe_chunks
from slmworks_text.documents.chunks import Chunker
from slmworks_text.documents.options import DocumentOptions
from slmworks_text.documents.places import ChunkView, RedactChunks, StoredChunks
from slmworks_text.documents.reading import (
    DocumentReading,
    DocumentTally,
    blocks_of,
    files_of,
    read_documents,
    refuse_unread,
)
from slmworks_text.expectations import Found, met
from slmworks_text.facts.followed import Followed
from slmworks_text.given_inputs import declared, shares_of
from slmworks_text.joining import Joins, split_pool
from slmworks_text.joins.components import Components
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.semantic import drop_semantic
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Ledger, survey
from slmworks_text.operators import Operator, clean
from slmworks_text.operators.length import LimitLength
from slmworks_text.operators.running import batches, opened, operated
from slmworks_text.personal import Redactor
from slmworks_text.reading import size_of
from slmworks_text.rows import PLACES, Row, Tally, most_frequent
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Stratum
from slmworks_text.streams import Meter
from slmworks_text.text_hashes import Hashes


class ChunkColumns:
    """What rows on disk ask of their columns: splits are balanced by source."""

    target = "place"

    def stratum(self, row: Row, id_: str) -> Stratum:
        """The stratum of a row."""
        return Stratum("", row.source, ())


class CurateDocuments(DocumentOptions):
    """Cut documents into chunks of tokens, clean, de-duplicate, redact and split these, and count all losses.

    Text files, Markdown, HTML and PDF (with a text layer), each also compressed. A chunk ends before a
    heading, between paragraphs or between sentences, and knows its document, page and headings (column
    `place`). The inputs `validation`, `test` and `transfer` are those splits; all others are pooled, and
    splits are taken from the pool by whole documents. Documents that can't be read are counted by reason, the
    first of each named. Near duplicates by MinHash and exact Jaccard (Broder, 1997), as in curate/text.
    """

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[tuple[str, ...]] = (
        "cryptography", "ftfy", "lxml", "markdown-it-py", "phonenumbers", "pyarrow", "pycryptodome", "pypdf",
        "rensa", "tokenizers",
    )  # fmt: skip
    """pypdf decrypts with one of two packages, if it is there."""

    def made_for(self) -> str:
        """The model task of the rows."""
        return self.model_task

    def made(self, data: Files, models: Models, task: Task) -> Dataset:
        """As `run`; one document at a time is in memory."""
        followed = Followed()
        made = self.gather(data, task, StoredRows(task.scratch, ChunkColumns()), followed, models)
        ledger, tally = made.ledger, made.tally
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        for split in self._shares(data):
            if not counts[split]:
                raise _empty(split, made, tally)
        expected = met(self.expect, Found(counts, tally, made.rows_in))
        measure = self.measure(data)
        splits = write_splits(
            task.output, made.rows, ledger, counts,
            lambda path, sources: ChunkSplit(path, sources, measure, embeds=self.embeds), followed,
        )  # fmt: skip
        card = describe_chunks(splits, counts, ledger, tally, rows_in=made.rows_in)
        card["chunks"] = {"unit": measure.unit, "size": self.size, "overlap": self.shared}
        card |= by_operators(self.operators, tally) | made.described(self.region)
        card |= followed.described(ledger, StoredChunks(), self.region, target=PLACE)
        unread = [
            f"documents that can't be read, {reason}: {count:,}; the first: {tally.first_unread(reason)}"
            for reason, count in most_frequent(tally.unreadable)
        ]
        for sentence in unread:
            task.say(f"warning: {sentence}.")
        if warnings := [*self._lines_joined(), *unread]:
            card["warnings"] = warnings
        names = [name for name in data.names if name != self.tokenizer]
        write_card(task.output, {**card, **declared(data, names, self.licence, self.licences)})
        found = {"documents": tally.documents.total(), "unreadable": tally.unreadable.total()}
        return Dataset(
            path=task.output, meta={"task": self.model_task}, summary={**found, **summary(card, expected)}
        )

    def gather(
        self, data: Files, task: Task, rows: StoredRows, watch: Watch, models: Models
    ) -> Gathered[DocumentTally]:
        """Read, clean and store all chunks, drop duplicates, split the pool; nothing is written yet."""
        names, tally = self.row_names(data), DocumentTally()
        joins = self.joins(data, models, lambda name: self._texts(data, name))
        joins, reading = replace(joins, shares=self._shares(data)), self.reading(data)
        for sentence in self._lines_joined():
            task.say(f"warning: {sentence}.")
        losses = self._store(data, models, names, rows, reading, tally, task)
        watch.stored(rows.size, tally)
        rows_in = sum(loss.rows for loss in losses)
        if not rows.size:
            raise BadRequest(f"no chunk is left: {rows_in:,} made {reasons(tally)}; loosen the operators.")
        ledger = self._join(rows, joins, tally, task, watch)
        self.thin_out(rows, ledger, tally, watch)
        return Gathered(rows, ledger, tally, rows_in, joins.semantic)

    def row_names(self, data: Files) -> list[str]:
        """The inputs whose documents are curated; BadRequest for an option that names another one."""
        named = {"transfer": self.transfer, "licences": self.licences}
        names = self._row_inputs(data, named | {"tokenizer": [self.tokenizer] if self.tokenizer else []})
        return [name for name in names if name != self.tokenizer]

    def measure(self, data: Files) -> Measure:
        """How chunks are measured: in the tokens of the input that is named, or in words."""
        return Tokens(data.folder(self.tokenizer), self.tokenizer) if self.tokenizer else Words()

    def _lines_joined(self) -> list[str]:
        """Operators that judge lines behind `normalise`, which joins them; nothing else here does."""
        return operator_warnings(self.operators) if self.lists("normalise") else []

    def _store(
        self,
        data: Files,
        models: Models,
        names: Sequence[str],
        stored: StoredRows,
        reading: DocumentReading,
        tally: DocumentTally,
        task: Task,
    ) -> list[Loss]:
        """Read, clean and store all chunks; returns how many each input had."""
        meter = Meter(size_of(data, names))
        operators, losses = opened(self.operators, data, models), []
        for name in names:
            tell, had, before = progress.reading(task, meter, name), stored.rows, deepcopy(tally)
            own = replace(reading, place=self.place_of(name))
            for batch in batches(read_documents(name, data.folder(name), own, tally, meter)):
                stored.add_all(self.cleaned(batch, operators, tally))
                tell(stored.rows)
            refuse_unread(name, before, tally, self.max_unusable, ", or allow it with max_unusable")
            lost = tally.dropped - before.dropped
            losses.append(Loss.of(name, stored.rows - had, lost, usable=lost))
        stored.flush()
        return losses

    def cleaned(self, rows: Sequence[Row], operators: Sequence[Chosen], tally: Tally) -> Sequence[Row]:
        """The chunks that no step on single rows drops, as the last one left them."""
        *first, limits = self.cleaning()
        found = operated(clean(rows, first, tally), operators, ChunkView(), tally)
        return clean(list(found), (limits,), tally)

    def cleaning(self) -> tuple[Operator, ...]:
        """What the options ask for, in the order of a chunk's way; limits of length are the last."""
        limits = LimitLength("text", "place", self.min_chars, None)
        if not self.redact or self.lists("redact"):
            return (limits,)
        return RedactChunks(Redactor(self.redact, self.region)), limits

    def _join(self, rows: StoredRows, joins: Joins, tally: DocumentTally, task: Task, watch: Watch) -> Ledger:
        """The chunks that are kept, and the split of each.

        What documents have in common is kept once, so it doesn't tie their other chunks to one split.
        """
        keys = Hashes(task.scratch / "keys", width=2)
        ledger = survey(rows, keys)
        ledger.target[:] = 0  # equal chunks are equal wherever they stand
        alike = Components(rows.size)
        drop_equal(ledger, keys, alike, tally, classes=False)
        watch.joined("equal", ledger, alike)
        if joins.near is not None:
            join_near(
                rows, ledger, alike,
                threshold=joins.near, scratch=task.scratch, progress=progress.near(task),
            )  # fmt: skip
        drop_near(ledger, alike, tally)
        watch.joined("near", ledger, alike)
        if joins.semantic is not None:
            drop_semantic(rows, ledger, alike, joins.semantic, tally, task, watch)
        ledger.target = None
        split_pool(rows, ledger, Components(rows.size), joins, tally, watch, classes=False)
        return ledger

    def reading(self, data: Files) -> DocumentReading:
        """How documents of the pool are read."""
        chunker = Chunker(self.measure(data), self.size, self.shared, self.repeats)
        return DocumentReading(chunker, self.encoding, PLACES.index("train"))

    def _shares(self, data: Files) -> dict[str, float]:
        """Split -> share of the pool, without those that are not asked for."""
        shares = shares_of(data, validation=self.validation, test=self.test)
        return {split: share for split, share in shares.items() if share}

    def _texts(self, data: Files, name: str) -> Iterator[str]:
        """The texts of documents that are an evaluation set; BadRequest for one that can't be read."""
        tally = DocumentTally()
        for path, shown in files_of(name, data.folder(name)):
            if blocks := blocks_of(path, shown, name, self.encoding, tally):
                yield "\n\n".join(block.text for block in blocks)
        refuse_unread(name, DocumentTally(), tally, 0, "")


def _empty(split: str, made: Gathered[DocumentTally], tally: DocumentTally) -> BadRequest:
    documents = tally.documents.total()
    return BadRequest(
        f"the split '{split}' would be empty: {made.ledger.kept.sum():,} chunks of {documents:,} documents "
        f"are left {reasons(tally)}, and a document is in one split; give more documents, or set "
        f"{split if split != 'train' else 'validation and test'}: 0."
    )
