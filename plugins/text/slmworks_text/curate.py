"""`curate/text`: files of labelled texts to clean, split, described rows for a classifier."""

import time
from array import array
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, PositiveInt, field_validator

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks_text.bins import Bins
from slmworks_text.checks import label_order, refuse_empty, refuse_hopeless, refuse_rare
from slmworks_text.data_card import describe, write_card, write_splits
from slmworks_text.duplicates import Components, Near
from slmworks_text.formats import Format, Layout
from slmworks_text.ledger import Ledger, survey
from slmworks_text.operators import Operators
from slmworks_text.personal import Kind, Redactor
from slmworks_text.reading import Reading, paths_of, read_input
from slmworks_text.repeats import drop_equal, drop_near, units
from slmworks_text.rows import PLACES, POOL, SPLITS, Tally
from slmworks_text.rows_on_disk import Shelf
from slmworks_text.splits import assign, draw
from slmworks_text.streams import Encoding, Meter
from slmworks_text.text_hashes import Hashes

Fraction = Annotated[float, Field(gt=0, lt=1)]


class InputOptions(Documented):
    """What differs for one input; what isn't given is as for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format | None = None
    """Format of its files."""
    columns: tuple[str, ...] | None = None
    """Column names of its files, which have no header line."""
    text: str | None = None
    """Its text column."""
    label: str | None = None
    """Its label or rating column."""
    group: str | None = None
    """Its group column."""
    encoding: Encoding | None = None
    """Encoding of its files."""
    key: str | None = None
    """`json`: the entry of the object that holds its rows."""


class CurateText(Curate):
    """Clean, de-duplicate, redact and split labelled texts, and count every row that was dropped or changed.

    The inputs `validation`, `test` and `transfer` are those splits. `train` and inputs of any other name are
    pooled, and the splits that were not given are taken from the pool: stratified by label and source, with
    near duplicates and groups kept together. Repairs with ftfy; near duplicates by MinHash and exact Jaccard
    (Broder, 1997); personal data by validated patterns and libphonenumber.
    """

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[tuple[str, ...]] = ("ftfy", "phonenumbers", "pyarrow", "rensa")

    text: str = "text"
    """Column of the text."""
    label: str = "label"
    """Column of the label, or of the rating when `bins` is given."""
    labels: tuple[str, ...] = ()
    """Order of the labels; rows with another label are dropped and counted. Empty: all, alphabetically."""
    bins: dict[str, str] = Field(default_factory=dict)
    """Label for each range of ratings: `{negative: "<= 2", neutral: "else", positive: ">= 4"}`."""
    source: str | None = None
    """Column to keep as the source, by which quality is sliced; default: the input's name."""
    group: str | None = None
    """Column whose equal values (within an input) stay in one split: a document, an author, a customer."""
    group_prefix: str | None = None
    """Only what comes before this mark counts as the group: `_` makes sentence `12_3` part of `12`."""
    format: Format | None = None
    """Format of the files; default: what their ending says."""
    columns: tuple[str, ...] = ()
    """Names of the columns of files without a header line."""
    encoding: Encoding = "utf-8"
    """How bytes are read; `utf-8-replace` reads bad bytes as U+FFFD and counts the rows."""
    inputs: dict[str, InputOptions] = Field(default_factory=dict)
    """Input name -> what differs for it."""
    transfer: tuple[str, ...] = ()
    """Inputs used as unlabelled text for distillation, besides one that is called `transfer`."""
    transfer_rows: PositiveInt | None = None
    """Keep at most this many rows of transfer text, drawn by the digest of the row."""
    normalise: bool = True
    """Repair mojibake and entities, Unicode NFC, one space between words."""
    min_chars: PositiveInt = 1
    """Shorter texts are dropped."""
    max_chars: PositiveInt | None = None
    """Longer texts are dropped."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] | None = None
    """Jaccard similarity of word 3-grams from which texts are near duplicates; default: only equal ones."""
    redact: tuple[Kind, ...] = ()
    """Personal data to replace by a tag: email, phone, card, iban, ip, ssn."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country whose national telephone numbers are recognised (ISO 3166, upper case)."""
    validation: Fraction = 0.1
    """Share of the pool for validation, where no `validation` input is given."""
    test: Fraction = 0.2
    """Share of the pool for the test, where no `test` input is given."""
    seed: int = 0
    """Chooses which rows go to which split."""
    licence: str = ""
    """Licence of the data as declared by whoever wrote the recipe; recorded in the card."""
    licences: dict[str, str] = Field(default_factory=dict)
    """Input name -> its licence as declared, where it isn't that of all: `{train: "CC-BY-4.0"}`."""

    @field_validator("bins")
    @classmethod
    def _bins_are_readable(cls, value: dict[str, str]) -> dict[str, str]:
        Bins.parse(value)
        return value

    def run(self, *, data: Files, task: Task) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`.

        Texts wait on disk (in the scratch folder); memory grows by some 40 bytes a row.
        """
        self._refuse_unknown_inputs(data)
        shares, tally = self._shares(data), Tally()
        shelf = Shelf(task.scratch)
        rows_in = self._shelve(data, shelf, tally, task)
        keys = Hashes(task.scratch / "keys", width=2)
        ledger = survey(shelf, keys)
        refuse_hopeless(ledger.counts(POOL), tally, rows_in)
        components = Components(shelf.size)
        drop_equal(ledger, keys, components, tally)
        if self.near_duplicates is not None:
            self._join_near(shelf, ledger, components, task)
        drop_near(ledger, components, tally)
        refuse_rare(ledger.counts(POOL), len(shares))
        assign(ledger, *units(ledger, components), draw(shelf, self.seed), shares)
        self._spare(ledger, tally)
        counts = {split: ledger.counts(place) for place, split in enumerate(PLACES)}
        refuse_empty(counts, tally)
        labels = label_order(counts, self.labels, shares)
        splits = write_splits(task.output, shelf, ledger, counts)
        card = describe(splits, counts, tally, rows_in=rows_in, labels=labels)
        write_card(task.output, {**card, **self._declared(data)})
        meta = {"task": "classification", "labels": labels}
        return Dataset(path=task.output, meta=meta, summary=_summary(card))

    def _refuse_unknown_inputs(self, data: Files) -> None:
        options = {"transfer": self.transfer, "inputs": self.inputs, "licences": self.licences}
        for option, names in options.items():
            for name in names:
                if name not in data.names:
                    raise BadRequest(
                        f"with.{option}: no input named '{name}'. {did_you_mean(name, data.names)}"
                    )

    def _shelve(self, data: Files, shelf: Shelf, tally: Tally, task: Task) -> int:
        """Read and mend all rows and put them aside; returns how many were read."""
        redactor = Redactor(self.redact, self.region)
        meter = Meter(sum(path.stat().st_size for name in data.names for path in paths_of(data.folder(name))))
        for name in data.names:
            tick = _every(0.3, partial(_tell_reading, task, meter, name))
            reading = self._reading(name)
            rows = read_input(name, data.folder(name), reading, tally, meter)
            for row in self._operators(redactor, reading).mended(rows, tally):
                shelf.add(row)
                tick(shelf.rows)
        shelf.flush()
        # What near duplicates and repeats drop is counted later, so this is all that was not put aside.
        return shelf.size + tally.dropped.total()

    def _operators(self, redactor: Redactor, reading: Reading) -> Operators:
        return Operators(
            redactor=redactor,
            normalise=self.normalise,
            min_chars=self.min_chars,
            max_chars=self.max_chars,
            count_replaced=reading.layout.encoding == "utf-8-replace",
        )

    def _join_near(self, shelf: Shelf, ledger: Ledger, components: Components, task: Task) -> None:
        near, numbers, done = Near(self.near_duplicates or 1, task.scratch), array("I"), 0
        tick = _every(0.3, lambda done: task.progress(done, shelf.size, note="near duplicates"))
        for batch in shelf.batches("text"):
            asked = ledger.asked[done : done + len(batch)].nonzero()[0]
            near.extend(batch.column(0).take(asked).to_pylist())
            numbers.extend((asked + done).tolist())
            tick(done := done + len(batch))
        near.join(
            components, numbers,
            lambda done, total: task.progress(done, total, unit="bands", note="comparing near duplicates"),
        )  # fmt: skip
        near.close()

    def _spare(self, ledger: Ledger, tally: Tally) -> None:
        """Keep `transfer_rows` rows of transfer text: ids are digests, so the first ones are a sample."""
        spare = (ledger.kept & (ledger.place == PLACES.index("transfer"))).nonzero()[0]
        if self.transfer_rows is not None and len(spare) > self.transfer_rows:
            tally.dropped["more than transfer_rows"] += len(spare) - self.transfer_rows
            ledger.kept[spare[self.transfer_rows :]] = False

    def _declared(self, data: Files) -> dict[str, Any]:
        """What the card says about the inputs: their files, and licences as declared."""
        paths = {name: (data.folder(name), paths_of(data.folder(name))) for name in data.names}
        files = {
            name: {"files": [path.relative_to(folder).as_posix() for path in found]}
            for name, (folder, found) in paths.items()
        }
        licences = {name: self.licences.get(name, self.licence) or None for name in data.names}
        return {"inputs": files, "licence": self.licence, "licences": licences}

    def _reading(self, name: str) -> Reading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, InputOptions())
        place = PLACES.index("transfer" if name in self.transfer else name if name in PLACES else "train")
        labelled = place != PLACES.index("transfer")
        layout = Layout(
            format=own.format or self.format,
            columns=self.columns if own.columns is None else own.columns,
            encoding=own.encoding or self.encoding,
            key=own.key or "",
        )
        return Reading(
            layout=layout,
            place=place,
            text=own.text or self.text,
            label=(own.label or self.label) if labelled else None,
            group=(own.group or self.group) if labelled else None,
            group_prefix=self.group_prefix,
            source=self.source,
            bins=Bins.parse(self.bins) if self.bins else None,
            wanted=frozenset(self.labels),
        )

    def _shares(self, data: Files) -> dict[str, float]:
        """Split -> share of the pool, for the splits that must be taken from it."""
        taken = {"validation": self.validation, "test": self.test}
        shares = {split: share for split, share in taken.items() if split not in data.names}
        if sum(shares.values()) >= 1:
            raise BadRequest("with: validation and test together leave nothing for train; lower one of them.")
        return {"train": 1 - sum(shares.values()), **shares}


def _tell_reading(task: Task, meter: Meter, name: str, rows: int) -> None:
    """Progress in rows, of as many as there will be if the rest is like what was read."""
    done = meter.done
    total = rows * meter.total / done if done and meter.total else None
    task.progress(rows, total, note=f"reading and cleaning {name}")


def _summary(card: Mapping[str, Any]) -> dict[str, Any]:
    near = [count for reason, count in card["dropped"].items() if reason.startswith("near")]
    return {
        "rows_in": card["rows"]["in"],
        "rows": card["rows"]["out"],
        "near_duplicates": sum(near),
        "redacted": card["changed"].get("personal data redacted", 0),
        "dropped": {reason: count for reason, count in sorted(card["dropped"].items()) if count},
        **{split: card["splits"][split]["rows"] for split in SPLITS if split in card["splits"]},
    }


def _every(seconds: float, act: Callable[[int], None]) -> Callable[[int], None]:
    """`act`, but at most once in so many seconds."""
    last = time.monotonic()

    def tick(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            act(done)

    return tick
