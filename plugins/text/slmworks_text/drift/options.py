"""The option `drift`."""

from pydantic import ConfigDict, Field

from slmworks.contract.documented import Documented
from slmworks_text.drift.embedded import FEWEST


class Drift(Documented):
    """What a data set is compared with, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    against: str
    """Input that holds an earlier data set: the Parquet files of its splits, as a curate step wrote them."""
    embedded: int = Field(default=1000, ge=FEWEST, le=5000)
    """Rows of each that are embedded, where the step has an `embedder`."""
