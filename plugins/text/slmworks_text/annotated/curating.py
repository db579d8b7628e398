"""What every curation of texts with marks does: read, check, clean, de-duplicate, split, count."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks_text import progress
from slmworks_text.annotated.card import Columns, MarkSplit, annotated, describe_marks, write_mark_splits
from slmworks_text.annotated.forms import TABLES, Form
from slmworks_text.annotated.input_options import MarkInputOptions
from slmworks_text.annotated.marked_view import MarkView
from slmworks_text.annotated.marks import unpacked
from slmworks_text.annotated.reading import TOO_LONG, TOO_SHORT, MarkReading, read_marked
from slmworks_text.checks import Loss, first_of_each, refuse_bad_inputs, refuse_empty, refuse_unlabelled
from slmworks_text.data_card import summary, write_card
from slmworks_text.encodings import Encoding
from slmworks_text.facts.followed import Followed
from slmworks_text.given_inputs import declared, refuse_unknown, shares_of
from slmworks_text.input_options import Fraction
from slmworks_text.joins.components import Components
from slmworks_text.joins.contexts import drop_given
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.splits import assign, draw, units_of
from slmworks_text.joins.transfer import sample_transfer
from slmworks_text.joins.watching import Watch
from slmworks_text.labels import Labels
from slmworks_text.layout import Delimiter, Layout, Quotes
from slmworks_text.ledger import Ledger, survey
from slmworks_text.personal import Kind, Redactor
from slmworks_text.reading import paths_of
from slmworks_text.rows import PLACES, POOL, TRANSFER, Row, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.sampling import sample_pool
from slmworks_text.schema import Stratum
from slmworks_text.streams import Meter
from slmworks_text.text_hashes import Hashes

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
        found = annotated(row.text, row.target)
        columns = {name: of(found) for name, (_, of) in self.columns.items()}
        return Stratum("", row.source, self.model_task.stratum({"id": id_, "source": row.source, **columns}))


class CurateMarks(Curate):
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
    transfer_rows: PositiveInt | None = None
    """Keep at most this many rows of transfer, drawn by the digest of the row."""
    bad_rows: Literal["drop", "refuse"] = "drop"
    """Rows that break a rule (a mark outside its text, marks that overlap, …): `drop` counts them by reason
    and names the first of each, `refuse` stops at the first, by file and line."""
    normalise: bool = True
    """Repair mojibake and entities, Unicode NFC, one space between words; marks move with their text."""
    min_chars: PositiveInt = 1
    """Rows with a shorter text are dropped."""
    max_chars: PositiveInt | None = None
    """Rows with a longer text are dropped."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] | None = None
    """Jaccard similarity at which two texts are near duplicates, of which one is kept."""
    redact: tuple[Kind, ...] = ()
    """Personal data to replace by a tag: `email`, `phone`, `card`, `iban`, `ip`, `ssn`, as in curate/text. A
    mark of what is replaced becomes one of the tag."""
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

    def run(self, *, data: Files, task: Task, **_: object) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`.

        Texts wait on disk (in the scratch folder); memory grows by some 40 bytes a row.
        """
        named = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        refuse_unknown(data, named)
        model_task, tally = catalog.model_task(self.makes_model_task), Tally()
        shares = shares_of(data, validation=self.validation, test=self.test)
        columns = self.made_columns()
        rows = StoredRows(task.scratch, MarkColumns(model_task, columns))
        losses = self._store(data, rows, tally, task)
        followed = Followed()
        followed.stored(rows.size, tally)
        ledger = self._join(rows, shares, tally, losses, task, followed)
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty(counts, tally)
        splits = write_mark_splits(task.output, rows, ledger, counts, columns, followed)
        labels = labels_of(splits) if "labels" in model_task.shared_meta else []
        rows_in = sum(loss.rows for loss in losses)
        card = describe_marks(splits, counts, tally, rows_in=rows_in, labels=labels)
        card |= followed.described(ledger, MarkView(), self.region)
        if found := first_of_each(tally):
            card["warnings"] = found
        for sentence in found:
            task.say(f"warning: {sentence}.")
        write_card(task.output, {**card, **declared(data, data.names, self.licence, self.licences)})
        meta = {
            "task": model_task.in_headers,
            **({"labels": labels} if labels else {}),
            **self.made_meta(splits),
        }
        return Dataset(path=task.output, meta=meta, summary=summary(card))

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

    def _store(self, data: Files, stored: StoredRows, tally: Tally, task: Task) -> list[Loss]:
        """Read, check, clean and store all rows; returns what each input had and lost."""
        meter = Meter(sum(path.stat().st_size for name in data.names for path in paths_of(data.folder(name))))
        losses = []
        for name in data.names:
            tell, had, dropped = progress.reading(task, meter, name), stored.rows, tally.dropped.copy()
            for row in read_marked(name, data.folder(name), self._reading(name), tally, meter):
                stored.add(row)
                tell(stored.rows)
            lost = tally.dropped - dropped
            bad = Counter({reason: count for reason, count in lost.items() if reason not in USABLE})
            losses.append(Loss(name, stored.rows - had + lost.total(), bad))
        stored.flush()
        return losses

    def _join(
        self,
        rows: StoredRows,
        shares: dict[str, float],
        tally: Tally,
        losses: list[Loss],
        task: Task,
        watch: Watch,
    ) -> Ledger:
        """Drop duplicates and split the pool."""
        keys = Hashes(task.scratch / "keys", width=2)
        ledger = survey(rows, keys)
        refuse_bad_inputs(losses, self.max_unusable, tally)
        refuse_unlabelled(ledger.counts(POOL), tally, sum(loss.rows for loss in losses))
        components = Components(rows.size)
        drop_equal(ledger, keys, components, tally, classes=not self.asked)
        watch.joined("equal", ledger, components)
        if self.near_duplicates is not None:
            join_near(
                rows, ledger, components,
                threshold=self.near_duplicates, scratch=task.scratch, progress=progress.near(task),
                key=_text if self.asked else None,
            )  # fmt: skip
        if self.asked:
            drop_given(ledger, components, tally)
        else:
            ledger.target[:] = 0  # marks of texts that nearly agree differ by a character or two
            drop_near(ledger, components, tally)
        watch.joined("near", ledger, components)
        ledger.target = None
        draws = draw(rows, self.seed)
        if self.rows is not None:
            sample_pool(ledger, self.rows, draws, tally, each=len(shares))
            watch.joined("sample", ledger)
        assign(ledger, *units_of(ledger, components), draws, shares)
        if self.transfer_rows is not None:
            sample_transfer(ledger, self.transfer_rows, tally)
            watch.joined("transfer", ledger)
        return ledger

    def _reading(self, name: str) -> MarkReading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, MarkInputOptions())
        place = PLACES.index("transfer" if name in self.transfer else name if name in PLACES else "train")
        fields = self.fields if own.fields is None else own.fields
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
            normalise=self.normalise,
            redactor=Redactor(self.redact, self.region) if self.redact else None,
            labels=self.kept_labels(),
            min_chars=self.min_chars,
            max_chars=self.max_chars,
        )


def _text(packed: str, _target: str) -> str:
    return unpacked(packed)[1]


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
