"""What curations of texts and conversations have in common: row operators, expectations, decontamination."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import field_validator, model_validator

from slmworks.contract.artifact import Files
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError
from slmworks.curate import Curate
from slmworks.curate.operators import Operators
from slmworks_text.drift.options import Drift
from slmworks_text.expectations import Expectations, refuse_unreadable
from slmworks_text.given_inputs import refuse_unknown
from slmworks_text.joins.balance import Balance
from slmworks_text.joins.contamination import Decontamination
from slmworks_text.operators.running import read_inputs
from slmworks_text.rows import SPLITS


class CurateRows(Curate):
    """Options of every curation of texts and conversations; those of texts with marks have others."""

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

    def parts(self) -> Mapping[str, type[Documented]]:
        """The classes of the row operators."""
        return {one.name: type(one.operator) for one in self.operators}

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
