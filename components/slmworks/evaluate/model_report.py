"""What every report on one model says, read in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slmworks.contract.artifact import Report


@dataclass(frozen=True)
class ModelReport:
    """A report on a model."""

    report: Report

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """`report.json`."""
        return self.report.read()

    @property
    def model(self) -> str:
        """Digest of the model."""
        return self.report.refs["model"]
