"""Options of every curation of conversations, and of one of their inputs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from slmworks.contract.documented import Documented
from slmworks.model_tasks.text_generation.schema_option import JsonSchema
from slmworks_text.curate_rows import CurateRows
from slmworks_text.encodings import Encoding
from slmworks_text.layout import Delimiter, Format, Quotes
from slmworks_text.personal import Kind


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


class ConversationOptions(CurateRows):
    """Options of a curation of conversations; a plugin says which shapes and parts there are."""

    shape: str | None = None
    """Shape of the rows; default: for each row the first that it has the columns of."""
    fields: Mapping[Any, str] = Field(default_factory=dict)
    """Part of a conversation -> its column, where that is called otherwise."""
    system: str = ""
    """A system turn for conversations that have none of their own."""
    json_schema: JsonSchema = Field(default_factory=dict)
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

    @model_validator(mode="after")
    def _balanced_by_source(self) -> Self:
        self.refuse_labels("conversations have no labels")
        return self
