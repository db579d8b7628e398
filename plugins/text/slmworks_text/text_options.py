"""Options of `curate/text`."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError
from slmworks_text.bins import Bins
from slmworks_text.curate_rows import CurateRows
from slmworks_text.encodings import Encoding
from slmworks_text.input_options import InputOptions, LabelNames, TextColumns
from slmworks_text.label_noise.options import LabelNoise
from slmworks_text.layout import Delimiter, Format, Quotes
from slmworks_text.personal import Kind
from slmworks_text.schema import schema_of


class TextOptions(CurateRows):
    """Options of a curation of texts, each checked by itself and with the others."""

    model_task: str = "text-classification"
    """Model task that the rows are for: its input and target become the columns."""
    text: TextColumns = None
    """Column of the text, or a list of columns that are joined by a blank, as a model is then to be asked;
    default: the name of the model task's input, `text`."""
    label: str | None = None
    """Column of the target, or of the rating when `bins` is given; default: the target's name, `label`."""
    labels: LabelNames = ()
    """Order of the labels, or a mapping of values in the files to them: `{1: World, 2: Sports}`; rows with
    another label are dropped and counted. Empty: all, alphabetically."""
    bins: dict[str, str] = Field(default_factory=dict)
    """Label for each range of ratings: `{negative: "<= 2", neutral: "else", positive: ">= 4"}`."""
    source: str | None = None
    """Column to keep as the source, by which quality is sliced; default: the input's name."""
    group: str | None = None
    """Column whose equal values (within an input) stay in one split: a document, an author, a customer."""
    group_prefix: str | None = None
    """Only the part before this mark counts as the group: `_` makes sentence `12_3` part of `12`."""
    format: Format | None = None
    """Format of the files; default: by their ending."""
    columns: tuple[str, ...] = ()
    """Names of the columns of files without a header line."""
    encoding: Encoding = "utf-8"
    """Encoding of the files, any that Python knows (`cp1252`, `gb18030`, `shift_jis`, …); `utf-8-replace`
    reads bad bytes as U+FFFD and counts the rows."""
    delimiter: Delimiter | None = None
    """`csv`, `tsv`: the sign between values; default: that of Excel's `sep=` line, else a comma or a tab."""
    quotes: Quotes = "auto"
    """`csv`, `tsv`: `on` where quotation marks enclose values, `off` where they are text. `auto`: on for csv,
    and for a tsv that is written so throughout, as pandas and Excel do."""
    inputs: dict[str, InputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it: format, columns, text, label, group, encoding, delimiter,
    quotes, key."""
    out_of_scope: tuple[str, ...] = ()
    """Labels of rows that a classifier is not made for ([oos]). They, and the rows of an input that is called
    `out_of_scope`, are kept apart in the splits `out_of_scope_validation` and `out_of_scope_test`: nothing is
    trained on them, and what a model declines is judged by them."""
    transfer: tuple[str, ...] = ()
    """Inputs used as unlabelled text for distillation, besides one that is called `transfer`."""
    normalise: bool = True
    """Repair mojibake and entities, Unicode NFC, one space between words."""
    min_chars: PositiveInt = 1
    """Rows with a shorter text are dropped; a target may be of any length."""
    max_chars: PositiveInt | None = None
    """Rows with a longer text are dropped."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] | None = None
    """Jaccard similarity of near duplicates: of word 3-grams or, without blanks, of as many characters."""
    redact: tuple[Kind, ...] = ()
    """Personal data to replace by a tag, whatever script or separators it is written in: `email`, `phone`
    (the region's, and what begins with +, 00, 0 or an area code), `card` (Luhn, a scheme's beginning), `iban`
    (mod 97, its country's length), `ip`, `ssn` (United States, with separators). Not looked for: names,
    postal addresses, dates of birth, other national numbers, what is spelt out (`john at example dot com`)
    or encoded (`4111%201111`), numbers that touch a Latin letter (`ID4111…`). A version of four numbers looks
    like an IP address."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country whose national telephone numbers are recognised (ISO 3166, upper case)."""
    rows: PositiveInt | None = None
    """Keep at most this many rows of the pool, for a first try: drawn by the seed, with about the shares that
    labels have, before splits are taken from it. Given `validation` and `test` inputs stay whole."""
    label_noise: LabelNoise | None = None
    """Rank rows by how probably their label is wrong (confident learning; Northcutt et al., 2021), by a
    linear model that was not trained on them, into `label_noise.jsonl` and the card; `{}` for the defaults.
    None is left out unless `drop` or `drop_share` says so."""
    max_unusable: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of an input's rows that may have a wrong number of columns or no target; above it, curation is
    refused."""

    @field_validator("model_task")
    @classmethod
    def _model_task_fits(cls, value: str) -> str:
        try:
            schema_of(value)
        except BadRequest as error:
            raise OptionError(("model_task",), str(error)) from None
        return value

    @field_validator("bins")
    @classmethod
    def _bins_are_readable(cls, value: dict[str, str]) -> dict[str, str]:
        Bins.parse(value)
        return value

    @model_validator(mode="after")
    def _labels_need_classes(self) -> Self:
        for option in ("labels", "bins", "out_of_scope", "label_noise"):
            if getattr(self, option) and not schema_of(self.model_task).classes:
                raise OptionError(
                    (option,), f"the targets of {self.model_task} are no labels; leave {option} out."
                )
        if not schema_of(self.model_task).classes:
            self.refuse_labels(f"the targets of {self.model_task} are no labels")
        return self
