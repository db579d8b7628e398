"""What every curation of conversations does: read, check, clean, de-duplicate, split, count."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.stage import Task
from slmworks_text import progress
from slmworks_text.checks import Loss, refuse_bad_inputs
from slmworks_text.conversations.card import ChatSplit, describe_chat
from slmworks_text.conversations.checks import (
    refuse_empty_splits,
    refuse_no_rows,
    warnings_of,
)
from slmworks_text.conversations.cleaning import ContentRedactor
from slmworks_text.conversations.comparing import whole_text
from slmworks_text.conversations.joining import join_conversations
from slmworks_text.conversations.kinds import Kind as KindOfRows
from slmworks_text.conversations.options import ConversationOptions, InputOptions
from slmworks_text.conversations.reading import TOO_LONG, ChatReading, ChatTally, read_conversations
from slmworks_text.conversations.token_lengths import Measure, Tokens, Words
from slmworks_text.conversations.turns import EQUAL
from slmworks_text.conversations.view import ConversationView
from slmworks_text.curate_rows import Gathered, Models
from slmworks_text.data_card import by_operators, summary, write_card, write_splits
from slmworks_text.drift.compared import numbers_of
from slmworks_text.drift.measured import drift_of
from slmworks_text.expectations import Found, met
from slmworks_text.facts.followed import Followed
from slmworks_text.given_inputs import declared
from slmworks_text.joins.watching import Watch
from slmworks_text.layout import Layout
from slmworks_text.operators.running import batches, opened, operated
from slmworks_text.personal import Redactor
from slmworks_text.reading import size_of
from slmworks_text.rows import PLACES, TRANSFER, Row
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Stratum
from slmworks_text.streams import Meter

MODEL_TASK = "text-generation"
USABLE = (TOO_LONG, EQUAL)
"""Reasons for which rows are dropped that speak of no mistake in a file."""


class ChatColumns:
    """What rows on disk ask of their columns: splits are balanced by source."""

    target = "completion"

    def stratum(self, row: Row, id_: str) -> Stratum:
        """The stratum of a row."""
        return Stratum("", row.source, ())


class CurateConversations(ConversationOptions):
    """Options and course of a curation of conversations; a plugin says what its rows are."""

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[tuple[str, ...]] = (
        "ftfy", "jsonschema", "phonenumbers", "pyarrow", "rensa", "tokenizers",
    )  # fmt: skip
    kind_of_rows: ClassVar[KindOfRows]
    """The shapes that rows are looked for in."""
    columns_made: ClassVar[tuple[str, ...]] = ()
    """Columns of the result beside those of every conversation."""

    def made_for(self) -> str:
        """The model task of the rows."""
        return MODEL_TASK

    def made(self, data: Files, models: Models, task: Task) -> Dataset:
        """As `run`; memory grows by some 50 bytes a row."""
        followed = Followed()
        made = self.gather(data, task, StoredRows(task.scratch, ChatColumns()), followed, models)
        rows, ledger, tally = made.rows, made.ledger, made.tally
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty_splits(counts, ledger, tally)
        measure, further = self.measure(data), self._further()
        splits = write_splits(
            task.output, rows, ledger, counts,
            lambda path, sources: ChatSplit(path, sources, measure, further=further), followed,
        )  # fmt: skip
        card = describe_chat(splits, counts, tally, rows_in=made.rows_in) | by_operators(
            self.operators, tally
        )
        card |= made.described(self.region) | followed.described(ledger, ConversationView(), self.region)
        card |= drift_of(self.drift, data, MODEL_TASK, models.get("embedder"), task)
        expected = met(self.expect, Found(counts, tally, made.rows_in, numbers_of(card)))
        if found := warnings_of(tally, ledger):
            card["warnings"] = found
        for sentence in found:
            task.say(f"warning: {sentence}.")
        names = [name for name in data.names if name != self.tokenizer]
        write_card(task.output, {**card, **declared(data, names, self.licence, self.licences)})
        return Dataset(path=task.output, meta={"task": MODEL_TASK}, summary=summary(card, expected))

    def gather(
        self, data: Files, task: Task, rows: StoredRows, watch: Watch, models: Models
    ) -> Gathered[ChatTally]:
        """Read, check, clean and store all rows, drop duplicates, split the pool; nothing is written yet."""
        names = self.row_names(data)
        tally, measure = ChatTally(), self.measure(data)
        joins = self.joins(data, models, lambda name: self._texts(data, name, measure))
        losses = self._store(data, models, names, rows, measure, tally, task)
        watch.stored(rows.size, tally)
        refuse_bad_inputs(losses, self.max_unusable, tally)
        rows_in = sum(loss.rows for loss in losses)
        refuse_no_rows(rows, tally, rows_in)
        ledger = join_conversations(rows, joins, tally, task, watch, pairs="rejected" in self.columns_made)
        self.thin_out(rows, ledger, tally, watch)
        return Gathered(rows, ledger, tally, rows_in, joins.semantic)

    def row_names(self, data: Files) -> list[str]:
        """The inputs whose rows are curated; BadRequest for an option that names one that isn't there."""
        named = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        names = self._row_inputs(data, named | {"tokenizer": [self.tokenizer] if self.tokenizer else []})
        return [name for name in names if name != self.tokenizer]

    def measure(self, data: Files) -> Measure:
        """How lengths are measured: in the tokens of the input that is named, or in words."""
        return Tokens(data.folder(self.tokenizer), self.tokenizer) if self.tokenizer else Words()

    def _further(self) -> tuple[str, ...]:
        """Columns that not all conversations have."""
        own = (options.fields or {} for options in self.inputs.values())
        named = self.json_schema or any("schema" in fields for fields in (self.fields, *own))
        return (*(("schema",) if named else ()), *self.columns_made)

    def _store(
        self,
        data: Files,
        models: Models,
        names: list[str],
        rows: StoredRows,
        measure: Measure,
        tally: ChatTally,
        task: Task,
    ) -> list[Loss]:
        """Read, check, clean and store all rows; returns what each input had and lost."""
        meter = Meter(size_of(data, names))
        losses, operators = [], opened(self.operators, data, models)
        for name in names:
            tell, had, dropped = progress.reading(task, meter, name), rows.rows, tally.dropped.copy()
            found = read_conversations(name, data.folder(name), self.reading(name, measure), tally, meter)
            for some in batches(operated(found, operators, ConversationView(), tally)):
                rows.add_all(some)
                tell(rows.rows)
            usable = {*USABLE, *tally.filtered}
            losses.append(Loss.of(name, rows.rows - had, tally.dropped - dropped, usable))
        rows.flush()
        return losses

    def _texts(self, data: Files, name: str, measure: Measure) -> Iterator[str]:
        """All that is said in the conversations of an evaluation set."""
        reading = self.reading(name, measure)
        rows = read_conversations(name, data.folder(name), reading, ChatTally(), Meter(0))
        return (whole_text(row.text, row.target) for row in rows)

    def reading(self, name: str, measure: Measure) -> ChatReading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, InputOptions())
        place = self.place_of(name)
        labelled, redact = place != TRANSFER, self.redact and not self.lists("redact")
        layout: dict[str, Any] = {
            "format": own.format or self.format,
            "columns": self.columns if own.columns is None else own.columns,
            "encoding": own.encoding or self.encoding,
            "key": own.key or "",
            "delimiter": own.delimiter or self.delimiter or "",
            "quotes": own.quotes or self.quotes,
            "nested": True,
        }
        reading = ChatReading(
            kind=self.kind_of_rows,
            layout=Layout(**layout),
            place=place,
            shape=own.shape or self.shape,
            fields=self.fields if own.fields is None else own.fields,
            system=self.system.strip(),
            schema=json.dumps(self.json_schema) if self.json_schema else "",
            group=(own.group or self.group) if labelled else None,
            group_prefix=self.group_prefix,
            template=(own.template or self.template) if labelled else None,
            templates=self.keep_templates,
            source=self.source,
            unanswered="cut",
            refuse=self.bad_rows == "refuse",
            repair=self.normalise and not self.lists("normalise"),
            redactor=ContentRedactor(Redactor(self.redact, self.region)) if redact else None,
            measure=measure,
            longest=self.max_tokens,
        )
        return reading.with_optional()
