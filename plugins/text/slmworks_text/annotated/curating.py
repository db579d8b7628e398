"""What every curation of texts with marks does: read, check, clean, de-duplicate, split, count."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask
from slmworks.contract.options import OptionError
from slmworks.contract.stage import Task
from slmworks_text import progress
from slmworks_text.annotated.card import Columns, MarkSplit, describe_marks
from slmworks_text.annotated.forms import TABLES, Form
from slmworks_text.annotated.input_options import MarkInputOptions
from slmworks_text.annotated.joining import join_marks, whole_text
from slmworks_text.annotated.marks import stored
from slmworks_text.annotated.reading import MarkReading, read_marked
from slmworks_text.annotated.view import TOO_LONG, TOO_SHORT, MarkLimits, MarkView
from slmworks_text.card_warnings import operator_warnings
from slmworks_text.checks import Loss, first_of_each, refuse_bad_inputs, refuse_empty
from slmworks_text.curate_rows import CurateRows, Gathered, Models
from slmworks_text.data_card import by_operators, summary, write_card, write_splits
from slmworks_text.drift.compared import numbers_of
from slmworks_text.drift.measured import drift_of
from slmworks_text.encodings import Encoding
from slmworks_text.expectations import Found, met
from slmworks_text.facts.followed import Followed
from slmworks_text.given_inputs import declared
from slmworks_text.joins.watching import Watch
from slmworks_text.labels import Labels
from slmworks_text.layout import Delimiter, Layout, Quotes
from slmworks_text.operators import clean
from slmworks_text.operators.running import batches, opened, operated
from slmworks_text.personal import Kind, Redactor
from slmworks_text.reading import size_of
from slmworks_text.rows import LABELLED, PLACES, TRANSFER, Row, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Stratum
from slmworks_text.streams import Meter

USABLE = (TOO_SHORT, TOO_LONG)
"""Reasons for which rows are dropped that speak of no mistake in a file."""


@dataclass(frozen=True)
class MarkColumns:
    """What rows on disk ask of their columns: splits are balanced by the model task's strata and source."""

    model_task: ModelTask
    columns: Columns

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.model_task.targets[0]

    def stratum(self, row: Row, id_: str) -> Stratum:
        """The stratum of a row."""
        if not row.target:
            return Stratum("", row.source, ())
        found = stored(row.text, row.target)
        columns = {name: of(found) for name, (_, of) in self.columns.items()}
        return Stratum("", row.source, self.model_task.stratum({"id": id_, "source": row.source, **columns}))


class CurateMarks(CurateRows):
    """Options and course of a curation of texts with marks; a plugin says how they are written."""

    deterministic: ClassVar[bool] = True
    runs_models: ClassVar[bool] = True  # a model task's strata decide the splits
    depends_on: ClassVar[tuple[str, ...]] = ("ftfy", "phonenumbers", "pyarrow", "rensa")
    row_parts: ClassVar[tuple[str, ...]]
    """Parts of a row that are columns of the files."""
    asked: ClassVar[bool] = False
    """A text is marked for a question: rows of one text stay in one split, and near duplicates do."""

    format: str | None = None
    """Format of the files; default: by their ending."""
    fields: Mapping[Any, str] = Field(default_factory=dict)
    """Part -> its column or key, where that is called otherwise."""
    columns: tuple[str, ...] = ()
    """Names of the columns of files without a header line."""
    source: str | None = None
    """Column to keep as the source, by which quality is sliced; default: the input's name."""
    group: str | None = None
    """Column whose equal values (within an input) stay in one split: a document, a template, a customer."""
    group_prefix: str | None = None
    """Only the part before this mark counts as the group: `_` makes `12_3` part of `12`."""
    encoding: Encoding = "utf-8"
    """Encoding of the files, any that Python knows; `utf-8-replace` reads bad bytes as U+FFFD."""
    delimiter: Delimiter | None = None
    """`csv`, `tsv`: the sign between values; default: that of Excel's `sep=` line, else a comma or a tab."""
    quotes: Quotes = "auto"
    """`csv`, `tsv`: `on` where quotation marks enclose values, `off` where they are text. `auto`: on for csv,
    and for a tsv that is written so throughout."""
    inputs: Mapping[str, MarkInputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it."""
    transfer: tuple[str, ...] = ()
    """Inputs used as unmarked text for distillation, besides one that is called `transfer`."""
    bad_rows: Literal["drop", "refuse"] = "drop"
    """Rows that break a rule (a mark outside its text, marks that overlap, …): `drop` counts them by reason
    and names the first of each, `refuse` stops at the first, by file and line."""
    normalise: bool = True
    """Repair mojibake and entities, Unicode NFC, one space between words; marks move with their text."""
    min_chars: PositiveInt = 1
    """Rows with a shorter text are dropped."""
    max_chars: PositiveInt | None = None
    """Rows with a longer text are dropped."""
    redact: tuple[Kind, ...] = ()
    """Personal data to replace by a tag: `email`, `phone`, `card`, `iban`, `ip`, `ssn`, as in curate/text. A
    mark of what is replaced becomes one of the tag."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country whose national telephone numbers are recognised (ISO 3166, upper case)."""

    @model_validator(mode="after")
    def _labels_are_of_marks(self) -> Self:
        self.refuse_labels("labels are those of marks, not of rows")
        if self.asked and self.expect and (self.expect.labels is not None or self.expect.label_share):
            raise OptionError(("expect",), "answers have no labels; leave labels and label_share out.")
        return self

    def made(self, data: Files, models: Models, task: Task) -> Dataset:
        """As `run`; memory grows by some 50 bytes a row."""
        columns, followed = self.made_columns(), Followed()
        made = self.gather(data, task, StoredRows(task.scratch, self.stored_columns()), followed, models)
        ledger, tally = made.ledger, made.tally
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty(counts, tally)
        splits = write_splits(
            task.output,
            made.rows,
            ledger,
            counts,
            lambda path, sources: MarkSplit(path, columns, sources),
            followed,
        )
        labels = labels_of(splits) if "labels" in self._model_task.shared_meta else []
        card = describe_marks(splits, counts, tally, rows_in=made.rows_in, labels=labels)
        card |= by_operators(self.operators, tally) | made.described(self.region)
        card |= followed.described(ledger, MarkView(), self.region)
        card |= drift_of(self.drift, data, self._model_task.name, models.get("embedder"), task)
        numbers = numbers_of(card)
        expected = met(self.expect, Found(counts, tally, made.rows_in, numbers, marks_of(splits)))
        if found := [*operator_warnings(self.operators), *first_of_each(tally)]:
            card["warnings"] = found
        for sentence in found:
            task.say(f"warning: {sentence}.")
        write_card(task.output, {**card, **declared(data, data.names, self.licence, self.licences)})
        meta = {
            "task": self._model_task.in_headers,
            **({"labels": labels} if labels else {}),
            **self.made_meta(splits),
        }
        return Dataset(path=task.output, meta=meta, summary=summary(card, expected))

    def gather(
        self, data: Files, task: Task, rows: StoredRows, watch: Watch, models: Models
    ) -> Gathered[Tally]:
        """Read, check, clean and store all rows, drop duplicates, split the pool; nothing is written yet."""
        names, tally = self.row_names(data), Tally()
        joins = self.joins(data, models, lambda name: self._texts(data, name))
        losses = self._store(data, models, names, rows, tally, task)
        watch.stored(rows.size, tally)
        rows_in = sum(loss.rows for loss in losses)
        refuse_bad_inputs(losses, self.max_unusable, tally)
        ledger = join_marks(rows, joins, tally, task, watch, rows_in=rows_in, asked=self.asked)
        self.thin_out(rows, ledger, tally, watch)
        return Gathered(rows, ledger, tally, rows_in, joins.semantic)

    def row_names(self, data: Files) -> list[str]:
        """The inputs whose rows are curated; BadRequest for an option that names one that isn't there."""
        named = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        return self._row_inputs(data, named)

    def stored_columns(self) -> MarkColumns:
        """What rows on disk ask of their columns."""
        return MarkColumns(self._model_task, self.made_columns())

    @property
    def _model_task(self) -> ModelTask:
        return catalog.model_task(self.makes_model_task)

    @abstractmethod
    def made_columns(self) -> Columns:
        """Columns of the result."""

    @abstractmethod
    def form(self, fields: Mapping[str, str]) -> Form:
        """How marks are written in an input with these fields."""

    def made_meta(self, splits: Mapping[str, MarkSplit]) -> dict[str, Any]:
        """Further entries of the result's header."""
        return {}

    def kept_labels(self) -> Labels | None:
        """Labels that are kept; None where marks have none."""
        return None

    def _store(
        self, data: Files, models: Models, names: Sequence[str], stored: StoredRows, tally: Tally, task: Task
    ) -> list[Loss]:
        """Read, check, clean and store all rows; returns what each input had and lost."""
        meter = Meter(size_of(data, names))
        losses, operators = [], opened(self.operators, data, models)
        for name in names:
            tell, had, dropped = progress.reading(task, meter, name), stored.rows, tally.dropped.copy()
            found = read_marked(name, data.folder(name), self.reading(name), tally, meter)
            for some in batches(operated(found, operators, MarkView(), tally)):
                stored.add_all(clean(some, (self.limits(),), tally))
                tell(stored.rows)
            usable = {*USABLE, *tally.filtered}
            losses.append(Loss.of(name, stored.rows - had, tally.dropped - dropped, usable))
        stored.flush()
        return losses

    def _texts(self, data: Files, name: str) -> Iterator[str]:
        """Texts of an evaluation set, each behind its question; whatever is marked in them."""
        reading, tally = replace(self.reading(name), place=TRANSFER, group=None, refuse=False), Tally()
        rows = read_marked(name, data.folder(name), reading, tally, Meter(0))
        return (whole_text(row.text, row.target) for row in rows)

    def limits(self) -> MarkLimits:
        """The limits of a text's length, the last that a row passes."""
        return MarkLimits(self.min_chars, self.max_chars)

    def reading(self, name: str) -> MarkReading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, MarkInputOptions())
        place = self.place_of(name)
        fields = self.fields if own.fields is None else own.fields
        redact = self.redact and not self.lists("redact")
        columns = {part: fields.get(part, part) for part in self.row_parts}
        given = own.format or self.format
        layout = Layout(
            format=given if given in TABLES else None,  # type: ignore[arg-type]
            columns=self.columns if own.columns is None else own.columns,
            encoding=own.encoding or self.encoding,
            key=own.key or "",
            delimiter=own.delimiter or self.delimiter or "",
            quotes=own.quotes or self.quotes,
            nested=True,
            optional=frozenset(column for part, column in columns.items() if part not in fields),
        )
        form = self.form(fields)
        return MarkReading(
            rows=form.rows_of(given),
            read=form.read,
            layout=layout,
            columns=columns,
            place=place,
            group=(own.group or self.group) if place != TRANSFER else None,
            group_prefix=self.group_prefix,
            source=self.source,
            refuse=self.bad_rows == "refuse",
            normalise=self.normalise and not self.lists("normalise"),
            redactor=Redactor(self.redact, self.region) if redact else None,
            labels=self.kept_labels(),
        )


def marks_of(splits: Mapping[str, MarkSplit]) -> Counter[str]:
    """Label -> marks of train, validation and test."""
    return sum((splits[split].labels for split in LABELLED), Counter[str]())


def labels_of(splits: Mapping[str, MarkSplit]) -> list[str]:
    """The labels of train, sorted; BadRequest for none, or where another split has one that train lacks."""
    known = set(splits["train"].labels)
    if not known:
        raise BadRequest(
            "no row of train has a mark, so there is nothing to learn; check fields, labels and scheme."
        )
    for split in ("validation", "test"):
        if strange := sorted(set(splits[split].labels) - known):
            raise BadRequest(
                f"label '{strange[0]}' is in {split} and not in train (there are: {_few(sorted(known))}), so "
                "it cannot be learnt; give training rows of it, or list the labels to keep with labels."
            )
    return sorted(known)


def _few(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:5]) + (", …" if len(names) > 5 else "")
