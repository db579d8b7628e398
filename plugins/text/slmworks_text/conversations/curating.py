"""What every curation of conversations does: read, check, clean, de-duplicate, split, count."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PositiveInt

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.documented import Documented
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks_text import progress
from slmworks_text.checks import Loss, refuse_bad_inputs
from slmworks_text.conversations.card import describe_chat, write_chat_splits
from slmworks_text.conversations.checks import (
    refuse_bad_schema,
    refuse_empty_splits,
    refuse_no_rows,
    warnings_of,
)
from slmworks_text.conversations.cleaning import ContentRedactor
from slmworks_text.conversations.joining import join_conversations
from slmworks_text.conversations.kinds import Kind as KindOfRows
from slmworks_text.conversations.reading import TOO_LONG, ChatReading, ChatTally, read_conversations
from slmworks_text.conversations.token_lengths import Measure, Tokens, Words
from slmworks_text.conversations.turns import EQUAL
from slmworks_text.data_card import summary, write_card
from slmworks_text.encodings import Encoding
from slmworks_text.given_inputs import declared, refuse_unknown, shares_of
from slmworks_text.input_options import Fraction
from slmworks_text.layout import Delimiter, Format, Layout, Quotes
from slmworks_text.ledger import Ledger
from slmworks_text.personal import Kind, Redactor
from slmworks_text.reading import paths_of
from slmworks_text.rows import PLACES, TRANSFER, Row
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Stratum
from slmworks_text.streams import Meter

MODEL_TASK = "text-generation"
USABLE = (TOO_LONG, EQUAL)
"""Reasons for which rows are dropped that speak of no mistake in a file."""


class InputOptions(Documented):
    """Options of one input, in place of those for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: str | None = None
    """Shape of its rows."""
    fields: Mapping[Any, str] | None = None
    """Its columns, by the part of a conversation that they hold."""
    format: Format | None = None
    """Format of its files."""
    columns: tuple[str, ...] | None = None
    """Column names of its files, which have no header line."""
    group: str | None = None
    """Its group column."""
    template: str | None = None
    """Its template column."""
    encoding: Encoding | None = None
    """Encoding of its files."""
    delimiter: Delimiter | None = None
    """`csv`, `tsv`: the sign between values."""
    quotes: Quotes | None = None
    """`csv`, `tsv`: whether quotation marks enclose values."""
    key: str | None = None
    """`json`: the entry of the object that holds its rows."""


class ChatColumns:
    """What rows on disk ask of their columns: splits are balanced by source."""

    target = "completion"

    def stratum(self, row: Row, id_: str) -> Stratum:
        """The stratum of a row."""
        return Stratum("", row.source, ())


class CurateConversations(Curate):
    """Options and course of a curation of conversations; a plugin says what its rows are."""

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[tuple[str, ...]] = ("ftfy", "phonenumbers", "pyarrow", "rensa", "tokenizers")
    kind_of_rows: ClassVar[KindOfRows]
    """The shapes that rows are looked for in."""
    columns_made: ClassVar[tuple[str, ...]] = ()
    """Columns of the result beside those of every conversation."""

    shape: str | None = None
    """Shape of the rows; default: for each row the first that it has the columns of."""
    fields: Mapping[Any, str] = Field(default_factory=dict)
    """Part of a conversation -> its column, where that is called otherwise."""
    system: str = ""
    """A system turn for conversations that have none of their own."""
    json_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema that answers follow, for rows without one of their own; their answers must be JSON."""
    source: str | None = None
    """Column to keep as the source, by which quality is sliced; default: the input's name."""
    group: str | None = None
    """Column whose equal values (within an input) stay in one split: a dialogue, a customer, a document."""
    group_prefix: str | None = None
    """Only the part before this mark counts as the group: `_` makes `12_3` part of `12`."""
    template: str | None = None
    """Column that names the template a row was made from; rows of one template stay in one split. Default:
    rows whose user turns are equal but for numbers, quoted parts, and names in braces, brackets or tags."""
    keep_templates: bool = True
    """Keep templates together; without it only a named `template` column does so."""
    format: Format | None = None
    """Format of the files; default: by their ending. `lines`: each line is a `text`."""
    columns: tuple[str, ...] = ()
    """Names of the columns of files without a header line."""
    encoding: Encoding = "utf-8"
    """Encoding of the files, any that Python knows; `utf-8-replace` reads bad bytes as U+FFFD."""
    delimiter: Delimiter | None = None
    """`csv`, `tsv`: the sign between values; default: that of Excel's `sep=` line, else a comma or a tab."""
    quotes: Quotes = "auto"
    """`csv`, `tsv`: `on` where quotation marks enclose values, `off` where they are text. `auto`: on for csv,
    and for a tsv that is written so throughout."""
    inputs: Mapping[str, InputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it."""
    transfer: tuple[str, ...] = ()
    """Inputs used as prompts without answers, besides one that is called `transfer`: an answer at the end of
    their conversations is left out."""
    transfer_rows: PositiveInt | None = None
    """Keep at most this many rows of transfer, drawn by the digest of the row."""
    bad_rows: Literal["drop", "refuse"] = "drop"
    """Rows that break a rule (roles out of order, an empty completion, a call without its result, …): `drop`
    counts them by reason and names the first of each, `refuse` stops at the first, by file and line."""
    normalise: bool = True
    """Repair mojibake, Unicode NFC, LF as line end; blanks, entities and quotation marks stay."""
    tokenizer: str | None = None
    """Input that holds the target's tokenizer.json: lengths are then in its tokens, otherwise in words.
    Counted are contents and tools, not what a chat template adds."""
    max_tokens: PositiveInt | None = None
    """Rows with more tokens (without `tokenizer`: words) in prompt and answer together are dropped."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] | None = None
    """Jaccard similarity at which two whole conversations are near duplicates, of which one is kept."""
    redact: tuple[Kind, ...] = ()
    """Personal data to replace by a tag in every turn and answer, and in strings, keys and numbers of what is
    JSON there, which stays JSON: `email`, `phone`, `card`, `iban`, `ip`, `ssn`, as in curate/text. Schemas
    of tools stay as they are."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country whose national telephone numbers are recognised (ISO 3166, upper case)."""
    validation: Fraction = 0.1
    """Share of the pool for validation, where no `validation` input is given."""
    test: Fraction = 0.2
    """Share of the pool for the test, where no `test` input is given."""
    rows: PositiveInt | None = None
    """Keep at most this many rows of the pool, drawn by the seed, before splits are taken from it."""
    max_unusable: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of an input's rows that may break a rule; above it, curation is refused."""
    seed: int = 0
    """Chooses which rows go to which split."""
    licence: str = ""
    """Licence of the data as declared by whoever wrote the recipe; recorded in the card."""
    licences: dict[str, str] = Field(default_factory=dict)
    """Input name -> its licence as declared, where it isn't that of all: `{train: "CC-BY-4.0"}`."""

    def made_for(self) -> str:
        """The model task of the rows."""
        return MODEL_TASK

    def run(self, *, data: Files, task: Task, **_: object) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`.

        Conversations wait on disk (in the scratch folder); memory grows by some 50 bytes a row.
        """
        named = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        refuse_bad_schema(self.json_schema)
        refuse_unknown(data, named | {"tokenizer": [self.tokenizer] if self.tokenizer else []})
        names = [name for name in data.names if name != self.tokenizer]
        shares = shares_of(data, validation=self.validation, test=self.test)
        measure: Measure = Tokens(data.folder(self.tokenizer), self.tokenizer) if self.tokenizer else Words()
        tally, rows = ChatTally(), StoredRows(task.scratch, ChatColumns())
        losses = self._store(data, names, rows, measure, tally, task)
        ledger = self._join(rows, shares, tally, losses, task)
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty_splits(counts, ledger, tally)
        splits = write_chat_splits(task.output, rows, ledger, counts, measure, further=self._further())
        card = describe_chat(splits, counts, tally, rows_in=sum(loss.rows for loss in losses))
        if found := warnings_of(tally, ledger):
            card["warnings"] = found
        for sentence in found:
            task.say(f"warning: {sentence}.")
        write_card(task.output, {**card, **declared(data, names, self.licence, self.licences)})
        return Dataset(path=task.output, meta={"task": MODEL_TASK}, summary=summary(card))

    def _further(self) -> tuple[str, ...]:
        """Columns that not all conversations have."""
        own = (options.fields or {} for options in self.inputs.values())
        named = self.json_schema or any("schema" in fields for fields in (self.fields, *own))
        return (*(("schema",) if named else ()), *self.columns_made)

    def _store(
        self,
        data: Files,
        names: list[str],
        rows: StoredRows,
        measure: Measure,
        tally: ChatTally,
        task: Task,
    ) -> list[Loss]:
        """Read, check, clean and store all rows; returns what each input had and lost."""
        meter = Meter(sum(path.stat().st_size for name in names for path in paths_of(data.folder(name))))
        losses = []
        for name in names:
            tell, had, dropped = progress.reading(task, meter, name), rows.rows, tally.dropped.copy()
            for row in read_conversations(
                name, data.folder(name), self._reading(name, measure), tally, meter
            ):
                rows.add(row)
                tell(rows.rows)
            lost = tally.dropped - dropped
            bad = Counter({reason: count for reason, count in lost.items() if reason not in USABLE})
            losses.append(Loss(name, rows.rows - had + lost.total(), bad))
        rows.flush()
        return losses

    def _join(
        self,
        rows: StoredRows,
        shares: Mapping[str, float],
        tally: ChatTally,
        losses: list[Loss],
        task: Task,
    ) -> Ledger:
        refuse_bad_inputs(losses, self.max_unusable, tally)
        refuse_no_rows(rows, tally, sum(loss.rows for loss in losses))
        return join_conversations(
            rows,
            dict(shares),
            tally,
            task,
            pairs="rejected" in self.columns_made,
            near=self.near_duplicates,
            sample=self.rows,
            transfer=self.transfer_rows,
            seed=self.seed,
        )

    def _reading(self, name: str, measure: Measure) -> ChatReading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, InputOptions())
        place = PLACES.index("transfer" if name in self.transfer else name if name in PLACES else "train")
        labelled = place != TRANSFER
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
            repair=self.normalise,
            redactor=ContentRedactor(Redactor(self.redact, self.region)) if self.redact else None,
            measure=measure,
            longest=self.max_tokens,
        )
        return reading.with_optional()
