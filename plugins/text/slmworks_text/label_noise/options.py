"""Options of `label_noise`."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, NonNegativeInt, model_validator

from slmworks.contract.documented import Documented


class LabelNoise(Documented):
    """How rows whose label is probably wrong are ranked, and how many of the first are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Parts of the rows; each is judged by a linear model that is trained on the others."""
    rank_by: Literal["self-confidence", "margin"] = "self-confidence"
    """Probability of the given label, or how far it is above (below) that of the likeliest other one."""
    splits: Annotated[tuple[Literal["train", "validation", "test"], ...], Field(min_length=1)] = ("train",)
    """Splits whose rows are ranked together; rows are left out of train only."""
    drop: NonNegativeInt = 0
    """So many rows of train that are first in the ranking are left out."""
    drop_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The same as a share of the ranked rows of train."""

    @model_validator(mode="after")
    def _one_way_to_drop(self) -> Self:
        if self.drop and self.drop_share:
            raise ValueError("drop and drop_share say the same in two ways; leave one out")
        if (self.drop or self.drop_share) and "train" not in self.splits:
            raise ValueError("rows are left out of train only; add train to splits")
        return self
