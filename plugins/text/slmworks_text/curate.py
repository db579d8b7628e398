"""`curate/text`: files of texts to clean, split, described rows of a model task."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks_text import progress
from slmworks_text.bins import Bins
from slmworks_text.checks import (
    FILES,
    Loss,
    by_label,
    label_order,
    refuse_empty,
    refuse_losses,
    refuse_one_class,
    refuse_rare,
    refuse_unlabelled,
)
from slmworks_text.data_card import describe, summary, write_card, write_splits
from slmworks_text.encodings import REPLACE, Encoding
from slmworks_text.given_inputs import declared, refuse_unknown, shares_of
from slmworks_text.input_options import Fraction, InputOptions, LabelNames, TextColumns
from slmworks_text.joins.components import Components
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.splits import assign, draw, units_of
from slmworks_text.joins.transfer import sample_transfer
from slmworks_text.label_warnings import label_warnings
from slmworks_text.labels import Labels, equal_numbers
from slmworks_text.layout import Delimiter, Format, Layout, Quotes
from slmworks_text.ledger import Ledger, survey
from slmworks_text.operators import Operator, clean, operators_for
from slmworks_text.personal import Kind
from slmworks_text.reading import Reading, paths_of, read_input
from slmworks_text.rows import PLACES, POOL, TRANSFER, WRONG_WIDTH, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.sampling import sample_pool
from slmworks_text.schema import Schema, schema_of
from slmworks_text.streams import Meter
from slmworks_text.text_hashes import Hashes


class CurateText(Curate):
    """Clean, de-duplicate, redact and split texts, and count every row that was dropped or changed.

    For every model task with one text and one target: a label, or a text that is cleaned like the input. The
    inputs `validation`, `test` and `transfer` are those splits. `train` and inputs of any other name are
    pooled, and the splits that were not given are taken from the pool: stratified by label and source, with
    near duplicates and groups kept together. Repairs with ftfy; near duplicates by MinHash and exact Jaccard
    (Broder, 1997); personal data by validated patterns and libphonenumber.
    """

    deterministic: ClassVar[bool] = True
    runs_models: ClassVar[bool] = True  # a model task's strata decide the splits
    depends_on: ClassVar[tuple[str, ...]] = ("ftfy", "phonenumbers", "pyarrow", "rensa")

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
    transfer: tuple[str, ...] = ()
    """Inputs used as unlabelled text for distillation, besides one that is called `transfer`."""
    transfer_rows: PositiveInt | None = None
    """Keep at most this many rows of transfer text, drawn by the digest of the row."""
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
    validation: Fraction = 0.1
    """Share of the pool for validation, where no `validation` input is given."""
    test: Fraction = 0.2
    """Share of the pool for the test, where no `test` input is given."""
    rows: PositiveInt | None = None
    """Keep at most this many rows of the pool, for a first try: drawn by the seed, with about the shares that
    labels have, before splits are taken from it. Given `validation` and `test` inputs stay whole."""
    max_unusable: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of an input's rows that may have a wrong number of columns or no target; above it, curation is
    refused."""
    seed: int = 0
    """Chooses which rows go to which split."""
    licence: str = ""
    """Licence of the data as declared by whoever wrote the recipe; recorded in the card."""
    licences: dict[str, str] = Field(default_factory=dict)
    """Input name -> its licence as declared, where it isn't that of all: `{train: "CC-BY-4.0"}`."""

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
        for option in ("labels", "bins"):
            if getattr(self, option) and not schema_of(self.model_task).classes:
                raise OptionError(
                    (option,), f"the targets of {self.model_task} are no labels; leave {option} out."
                )
        return self

    def made_for(self) -> str:
        """The model task of the rows."""
        return catalog.canonical(self.model_task)

    def run(self, *, data: Files, task: Task, **_: object) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`.

        Texts wait on disk (in the scratch folder); memory grows by some 40 bytes a row.
        """
        named = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        refuse_unknown(data, named)
        schema, tally = schema_of(self.model_task), Tally()
        shares = shares_of(data, validation=self.validation, test=self.test)
        rows = StoredRows(task.scratch, schema)
        losses = self._store(data, rows, schema, tally, task)
        ledger = self._join(rows, schema, shares, tally, losses, task)
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty(counts, tally)
        labels = label_order(counts, self._order(), shares) if schema.classes else None
        splits = write_splits(task.output, rows, schema, ledger, counts)
        rows_in = sum(loss.rows for loss in losses)
        card = describe(splits, counts, tally, rows_in=rows_in, labels=labels)
        if warnings := self._warnings(counts, tally, schema, task):
            card["warnings"] = warnings
        write_card(task.output, {**card, **declared(data, data.names, self.licence, self.licences)})
        return Dataset(path=task.output, meta=schema.meta(labels), summary=summary(card))

    def _order(self) -> tuple[str, ...]:
        """Labels in the order of the option."""
        stated = self.labels.values() if isinstance(self.labels, dict) else self.labels
        return tuple(dict.fromkeys(stated))

    def _store(self, data: Files, stored: StoredRows, schema: Schema, tally: Tally, task: Task) -> list[Loss]:
        """Read, clean and store all rows; returns what each input had and lost."""
        meter = Meter(sum(path.stat().st_size for name in data.names for path in paths_of(data.folder(name))))
        losses = []
        for name in data.names:
            tell = progress.reading(task, meter, name)
            reading = self._reading(name, schema)
            had, dropped = stored.rows, tally.dropped.copy()
            rows = read_input(name, data.folder(name), reading, tally, meter)
            for row in clean(rows, self._operators(reading), tally):
                stored.add(row)
                tell(stored.rows)
            lost = tally.dropped - dropped
            unusable = Counter({reason: lost[reason] for reason in reading.unusable if lost[reason]})
            losses.append(Loss(name, stored.rows - had + lost.total(), unusable))
        stored.flush()
        if schema.classes and not self.labels and not self.bins:
            self._join_numbers(stored, tally)
        return losses

    def _join_numbers(self, stored: StoredRows, tally: Tally) -> None:
        """Make labels that are one whole number one label."""
        if names := equal_numbers({stratum.label for stratum in stored.strata}):
            tally.changed["label number shortened"] += stored.rename(names)

    def _warnings(self, counts: Mapping[str, Any], tally: Tally, schema: Schema, task: Task) -> list[str]:
        """What may not be meant as it is; each is also said as a line of the task."""
        found = tally.warnings[:FILES]
        if len(tally.warnings) > FILES:
            found.append(f"files like these: {len(tally.warnings) - FILES} more")
        if tally.ragged:
            wrong = tally.dropped[WRONG_WIDTH]
            found.append(f"rows dropped for a {WRONG_WIDTH}: {wrong:,}; the first: {tally.ragged}")
        if schema.classes:
            splits = {split: by_label(counts[split]) for split in PLACES[:TRANSFER]}
            found += label_warnings(splits, stated=self._order())
        for sentence in found:
            task.say(f"warning: {sentence}.")
        return found

    def _operators(self, reading: Reading) -> tuple[Operator, ...]:
        return operators_for(
            reading.schema,
            bad_bytes=reading.layout.encoding == REPLACE,
            normalise=self.normalise,
            redact=self.redact,
            region=self.region,
            min_chars=self.min_chars,
            max_chars=self.max_chars,
        )

    def _join(
        self,
        rows: StoredRows,
        schema: Schema,
        shares: dict[str, float],
        tally: Tally,
        losses: list[Loss],
        task: Task,
    ) -> Ledger:
        """Drop duplicates and split the pool."""
        classes = schema.classes
        keys = Hashes(task.scratch / "keys", width=2)
        ledger = survey(rows, keys)
        refuse_unlabelled(ledger.counts(POOL), tally, sum(loss.rows for loss in losses))
        refuse_losses(losses, self.max_unusable, tally)
        if classes:
            refuse_one_class(ledger.counts(POOL))
        components = Components(rows.size)
        drop_equal(ledger, keys, components, tally, classes=classes)
        if self.near_duplicates is not None:
            join_near(
                rows, ledger, components,
                threshold=self.near_duplicates, scratch=task.scratch, progress=progress.near(task),
            )  # fmt: skip
        drop_near(ledger, components, tally)
        ledger.target = None  # 8 bytes a row, not needed any more
        draws = draw(rows, self.seed)
        if self.rows is not None:
            sample_pool(ledger, self.rows, draws, tally, each=len(shares))
        if classes:
            refuse_rare(ledger.counts(POOL), len(shares))
        assign(ledger, *units_of(ledger, components), draws, shares)
        if self.transfer_rows is not None:
            sample_transfer(ledger, self.transfer_rows, tally)
        return ledger

    def _reading(self, name: str, schema: Schema) -> Reading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, InputOptions())
        place = PLACES.index("transfer" if name in self.transfer else name if name in PLACES else "train")
        labelled = place != TRANSFER
        layout = Layout(
            format=own.format or self.format,
            columns=self.columns if own.columns is None else own.columns,
            encoding=own.encoding or self.encoding,
            key=own.key or "",
            delimiter=own.delimiter or self.delimiter or "",
            quotes=own.quotes or self.quotes,
        )
        text = own.text or self.text or schema.input
        return Reading(
            layout=layout,
            schema=schema,
            place=place,
            texts=(text,) if isinstance(text, str) else text,
            label=(own.label or self.label or schema.target) if labelled else None,
            group=(own.group or self.group) if labelled else None,
            group_prefix=self.group_prefix,
            source=self.source,
            bins=Bins.parse(self.bins) if self.bins else None,
            labels=Labels.of(self.labels, normalise=self.normalise),
        )
