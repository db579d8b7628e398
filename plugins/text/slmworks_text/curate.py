"""`curate/text`: files of labelled texts to clean, split, described rows for a classifier."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from slmworks.artifact import Dataset, Files
from slmworks.curate import Curate
from slmworks.errors import BadRequest, did_you_mean
from slmworks.stage import Task
from slmworks_text.bins import Bins
from slmworks_text.card import describe, write_card, write_splits
from slmworks_text.checks import label_order, reasons, refuse_hopeless, refuse_rare
from slmworks_text.clean import normalise
from slmworks_text.formats import Encoding, Format, Layout
from slmworks_text.personal import Kind, Redactor
from slmworks_text.reading import Reading, files_of, read_input
from slmworks_text.repeats import settle
from slmworks_text.rows import SPLITS, Row, Tally
from slmworks_text.splits import assign

Fraction = Annotated[float, Field(gt=0, lt=1)]


class InputOptions(BaseModel):
    """What differs for one input; what isn't given is as for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

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

    @field_validator("bins")
    @classmethod
    def _bins_are_readable(cls, value: dict[str, str]) -> dict[str, str]:
        Bins.parse(value)
        return value

    def run(self, *, data: Files, task: Task) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`."""
        tally = Tally()
        rows, rows_in = self._read(data, tally, task)
        rows = self._clean(rows, tally, task)
        refuse_hopeless(rows, tally, rows_in)
        settled = settle(
            rows, self.near_duplicates, tally, threads=task.threads,
            progress=lambda done: task.progress(done, len(rows), note="near duplicates"),
        )  # fmt: skip
        shares = self._shares(data)
        refuse_rare(settled.units, len(shares))
        assign(settled.units, shares, self.seed)
        splits = self._splits(settled.rows, tally)
        labels = label_order(splits, self.labels, shares)
        card = describe(splits, tally, rows_in=rows_in, labels=labels)
        inputs = {name: {"files": files_of(data.folder(name))} for name in data.names}
        write_splits(task.output, splits)
        write_card(task.output, {**card, "licence": self.licence, "inputs": inputs})
        meta = {"task": "classification", "labels": labels}
        return Dataset(path=task.output, meta=meta, summary=_summary(splits, tally, rows_in))

    def _read(self, data: Files, tally: Tally, task: Task) -> tuple[list[Row], int]:
        for option, names in (("transfer", self.transfer), ("inputs", tuple(self.inputs))):
            for name in names:
                if name not in data.names:
                    raise BadRequest(
                        f"with.{option}: no input named '{name}'. {did_you_mean(name, data.names)}"
                    )
        rows: list[Row] = []
        for done, name in enumerate(data.names):
            task.progress(done, len(data.names), unit="inputs", note=f"reading {name}")
            rows += read_input(name, data.folder(name), self._reading(name), tally)
        return rows, len(rows) + tally.dropped.total()

    def _reading(self, name: str) -> Reading:
        """The options as they hold for one input."""
        own = self.inputs.get(name, InputOptions())
        held_out = name in SPLITS and name != "train"
        pool = "transfer" if name in self.transfer else name if held_out else "pool"
        layout = Layout(
            format=own.format or self.format,
            columns=self.columns if own.columns is None else own.columns,
            encoding=own.encoding or self.encoding,
            key=own.key or "",
        )
        return Reading(
            layout=layout,
            pool=pool,
            text=own.text or self.text,
            label=None if pool == "transfer" else own.label or self.label,
            group=None if pool == "transfer" else own.group or self.group,
            group_prefix=self.group_prefix,
            source=self.source,
            bins=Bins.parse(self.bins) if self.bins else None,
            wanted=frozenset(self.labels),
        )

    def _clean(self, rows: list[Row], tally: Tally, task: Task) -> list[Row]:
        """Normalise, redact and measure each row; returns those that stay, sorted by id."""
        redactor = Redactor(self.redact, self.region)
        tick, kept = _every(0.3, lambda done: task.progress(done, len(rows), note="cleaning")), []
        for done, row in enumerate(rows):
            tick(done)
            self._mend(row, redactor, tally)
            if self._fits(row.text, tally):
                row.identify()
                kept.append(row)
        return sorted(kept, key=lambda row: row.id)

    def _mend(self, row: Row, redactor: Redactor, tally: Tally) -> None:
        if self.encoding == "utf-8-replace" and "\ufffd" in row.text:
            tally.changed["bad bytes replaced"] += 1
        if self.normalise and (mended := normalise(row.text)) != row.text:
            tally.changed["normalised"] += 1
            row.text = mended
        row.text, found = redactor.redact(row.text)
        if found:
            tally.changed["personal data redacted"] += 1
            tally.personal.update(found)

    def _fits(self, text: str, tally: Tally) -> bool:
        reason = (
            "no text" if not text.strip()
            else "too short" if len(text) < self.min_chars
            else "too long" if self.max_chars is not None and len(text) > self.max_chars
            else ""
        )  # fmt: skip
        if reason:
            tally.dropped[reason] += 1
        return not reason

    def _shares(self, data: Files) -> dict[str, float]:
        """Split -> share of the pool, for the splits that must be taken from it."""
        taken = {"validation": self.validation, "test": self.test}
        shares = {split: share for split, share in taken.items() if split not in data.names}
        if sum(shares.values()) >= 1:
            raise BadRequest("with: validation and test together leave nothing for train; lower one of them.")
        return {"train": 1 - sum(shares.values()), **shares}

    def _splits(self, rows: Sequence[Row], tally: Tally) -> dict[str, list[Row]]:
        splits = {split: [row for row in rows if row.pool == split] for split in SPLITS}
        spare = splits["transfer"]
        if self.transfer_rows is not None and len(spare) > self.transfer_rows:
            # Ids are digests, so the first ones in their order are a sample.
            tally.dropped["more than transfer_rows"] += len(spare) - self.transfer_rows
            splits["transfer"] = spare[: self.transfer_rows]
        for split in ("train", "validation", "test"):
            if not splits[split]:
                raise BadRequest(
                    f"the split '{split}' would be empty: {len(rows)} rows are left {reasons(tally)}; "
                    "give more rows, or fewer and smaller groups."
                )
        return {split: found for split, found in splits.items() if found}


def _summary(splits: Mapping[str, Sequence[Row]], tally: Tally, rows_in: int) -> dict[str, Any]:
    near = [count for reason, count in tally.dropped.items() if reason.startswith("near")]
    return {
        "rows_in": rows_in,
        "rows": sum(len(rows) for rows in splits.values()),
        "near_duplicates": sum(near),
        "redacted": tally.changed["personal data redacted"],
        "dropped": {reason: count for reason, count in sorted(tally.dropped.items()) if count},
        **{split: len(rows) for split, rows in splits.items()},
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
