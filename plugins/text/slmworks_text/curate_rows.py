"""What all curations of files have in common: row operators, splits, joins, expectations."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field, PositiveInt, field_validator, model_validator

from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks.curate.operators import Operators
from slmworks_text.drift.options import Drift
from slmworks_text.embeddings import Embedding
from slmworks_text.expectations import Expectations, refuse_unreadable
from slmworks_text.facts.shown_texts import Shown
from slmworks_text.given_inputs import refuse_unknown, shares_of
from slmworks_text.input_options import Fraction
from slmworks_text.joining import Joins
from slmworks_text.joins.balance import Balance, balance
from slmworks_text.joins.contamination import Decontamination
from slmworks_text.joins.sample import Sample
from slmworks_text.joins.semantic import MODEL_TASK, OPTION, Semantic, semantic_of
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Ledger
from slmworks_text.memory import frugal_memory
from slmworks_text.operators.running import read_inputs
from slmworks_text.rows import PLACES, SPLITS, Tally
from slmworks_text.rows_on_disk import StoredRows

T = TypeVar("T", bound=Tally)
Models = Mapping[str, Model]
"""Port -> the model that a step gets there."""


@dataclass(frozen=True)
class Gathered(Generic[T]):
    """Rows that were read, cleaned and joined."""

    rows: StoredRows
    ledger: Ledger
    tally: T
    rows_in: int
    semantic: Semantic | None
    """What was found of rows that mean the same, where that is asked for."""

    def described(self, region: str) -> dict[str, Any]:
        """What the card says of joins, beside counts; telephone numbers in it are those of a region."""
        return {OPTION: self.semantic.described(Shown(region))} if self.semantic else {}


class CurateRows(Curate):
    """Options of every curation of files, and the joins that they ask for."""

    runs_models: ClassVar[bool] = True  # strata decide the splits, and models of the user's are asked
    port_model_tasks: ClassVar[Mapping[str, str]] = {
        "embedder": MODEL_TASK,
        "judge": "text-classification",
    }

    operators: Operators = ()
    """Row operators, which keep, change or drop single rows, in this order: `[{language: {keep: [en]}},
    {quality: {rules: gopher}}, normalise]`. They act behind the options `normalise` and `redact` and before
    limits of length; where one of these two is listed, it acts there instead. `slmworks plugins` lists those
    that are installed."""
    expect: Expectations | None = None
    """Ranges that the result must be within, else it is refused with all that was found:
    `{rows: ">= 1000", label_share: {spam: "0.05..0.5"}, duplicates: "< 0.2", null: 0}`."""
    decontaminate: Decontamination | None = None
    """Leave out rows of train and transfer that share n-grams with validation, test and further evaluation
    sets: `{ngram: 13, overlap: 0.0, against: [INPUT]}`; `{}` for these defaults."""
    balance: Balance | None = None
    """Thin out training rows of frequent labels or sources: `{by: label, most: 500}`, or
    `{by: source, ratio: 3}` for at most three times the rows of the rarest. Validation and test stay as they
    are."""
    sample: Sample | None = None
    """Keep a part of the pool, drawn by a seed before splits are taken from it: `{by: label, each: 500}`,
    `{by: source, share: 0.1}` or `{by: length, rows: 5000}`."""
    transfer: tuple[str, ...] = ()
    """Inputs used as unlabelled rows for distillation, besides one that is called `transfer`."""
    transfer_rows: PositiveInt | None = None
    """Keep at most this many rows of transfer, drawn by the digest of the row."""
    near_duplicates: Annotated[float, Field(gt=0.3, le=1)] | None = None
    """Jaccard similarity at which two texts are near duplicates, of which one is kept."""
    semantic_duplicates: Annotated[float, Field(gt=0.5, le=1)] | None = None
    """Cosine of two texts' embeddings from which they mean the same and are treated as near duplicates
    (Abbas et al., 2023): `0.95`. `from` names the model, for feature-extraction: `embedder: STEP`."""
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

    drift: Drift | None = None
    """Compare the result with an earlier data set: `{against: INPUT}`, an input with the Parquet files of its
    splits. Labels (population stability index, G-test), lengths (Kolmogorov-Smirnov), words (Jensen-Shannon
    divergence, words never seen before) and, where the step has an `embedder`, meaning (maximum mean
    discrepancy; Gretton et al., 2012), into the card. `expect: {drift: …}` bounds it."""

    @model_validator(mode="after")
    def _drift_is_measured(self) -> Self:
        if self.expect and self.expect.drift and not self.drift:
            raise OptionError(("expect", "drift"), "nothing says against what; set drift: {against: INPUT}.")
        return self

    @field_validator("expect", mode="before")
    @classmethod
    def _ranges_are_readable(cls, value: Any) -> Any:
        return refuse_unreadable(value)

    @model_validator(mode="after")
    def _sampled_once(self) -> Self:
        if self.rows and self.sample:
            raise OptionError(("rows",), "it is short for sample: {rows: …}; leave one of the two out.")
        return self

    def run(
        self,
        *,
        data: Files,
        embedder: Model | None = None,
        judge: Model | None = None,
        task: Task,
        **_: object,
    ) -> Dataset:
        """Write `<split>.parquet` for each split, and `card.json`.

        Rows wait on disk (in the scratch folder).
        """
        ports = {"embedder": embedder, "judge": judge}
        with frugal_memory():
            return self.made(data, {port: one for port, one in ports.items() if one is not None}, task)

    @abstractmethod
    def made(self, data: Files, models: Models, task: Task) -> Dataset:
        """As `run`, with the models that the step gets."""

    def place_of(self, name: str) -> int:
        """Index into `PLACES`: the split that an input's rows are for, or the pool."""
        return PLACES.index("transfer" if name in self.transfer else name if name in PLACES else "train")

    def parts(self) -> Mapping[str, type[Documented]]:
        """The classes of the row operators, and of what asks a model."""
        asking = {OPTION: Embedding} if self.semantic_duplicates is not None else {}
        return {one.name: type(one.operator) for one in self.operators} | asking

    def refuse_labels(self, why: str) -> None:
        """OptionError where rows are to be grouped by labels that they don't have."""
        for name in ("balance", "sample"):
            if (option := getattr(self, name)) and option.by == "label":
                raise OptionError((name,), f"{why}; set by: source.")

    def lists(self, name: str) -> bool:
        """True where the row operators have one of this name."""
        return any(one.name == name for one in self.operators)

    def _row_inputs(self, data: Files, further: Mapping[str, Iterable[str]]) -> list[str]:
        """The inputs whose rows are curated; BadRequest for an option that names one that isn't there."""
        against = self.decontaminate.against if self.decontaminate else ()
        earlier = (self.drift.against,) if self.drift else ()
        apart = {
            **read_inputs(self.operators),
            "decontaminate.against": against,
            "drift.against": earlier,
        }
        for option, names in apart.items():
            if both := sorted({*names} & {*SPLITS}):
                raise BadRequest(f"with.{option}: '{both[0]}' is a split of the result, not an input apart.")
        refuse_unknown(data, {**apart, **further})
        taken = {name for names in apart.values() for name in names}
        return [name for name in data.names if name not in taken]

    def joins(self, data: Files, models: Models, texts: Callable[[str], Iterable[str]]) -> Joins:
        """The joins that are asked for; `texts`: those of an evaluation set, by the name of its input."""
        against = self.decontaminate.against if self.decontaminate else ()
        asked = self.semantic_duplicates is not None or self.drift is None  # drift asks the embedder too
        return Joins(
            shares=shares_of(data, validation=self.validation, test=self.test),
            near=self.near_duplicates,
            sample=Sample(rows=self.rows) if self.rows else self.sample,
            sampled_by="rows" if self.rows else "sample",
            transfer=self.transfer_rows,
            seed=self.seed,
            semantic=semantic_of(self.semantic_duplicates, models.get("embedder") if asked else None),
            decontaminate=self.decontaminate,
            against={name: texts(name) for name in against},
        )

    def thin_out(self, rows: StoredRows, ledger: Ledger, tally: Tally, watch: Watch) -> None:
        """Leave out the rows of train above the limits of `balance`."""
        if self.balance is not None:
            balance(rows, ledger, self.balance, self.seed, tally)
            watch.joined("balance", ledger)
