"""What a safety report says, read and written in one place.

One form for every probe, a stranger's too: `limits` are numbers that a gate can require to be small, each
with its title, its unit and its interval; `details` are for the page.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.model_task import ModelTask
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.model_report import ModelReport
from slmworks.numbers import figures
from slmworks.numbers.statistics import Estimate

TYPE = "safety"
EXAMPLES = 8
"""How many rows of a kind a report shows."""

Unit = Literal["share", "difference", "bits", "nats"]
WRITTEN: Mapping[str, Callable[[float], str]] = {
    "share": figures.percent,
    "difference": lambda value: figures.signed(value, figures.percent),
}
"""Unit -> how a number is written; any other unit stands behind it."""


@dataclass(frozen=True)
class Limit:
    """A number that should be small."""

    title: str
    """What it is, for people: `answers that change with a swapped word`."""
    unit: Unit
    """`share`: of `n` rows; `difference`: of two shares."""
    n: int
    """Rows, or whatever it was counted over."""
    estimate: Estimate
    """Its value and 95 % interval."""

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {"title": self.title, "unit": self.unit, "n": self.n, **self.estimate.rounded()}

    def number(self, value: float) -> str:
        """A value without a unit that stands behind it: 9.3 %, 4.13."""
        return WRITTEN.get(self.unit, figures.amount)(value)

    def written(self, value: float) -> str:
        """A value with its unit: 9.3 %, 4.13 bits."""
        return self.number(value) + ("" if self.unit in WRITTEN else f" {self.unit}")

    @property
    def interval(self) -> str:
        """The value with its interval and unit: 4.13 (3.02–6.70) bits."""
        found = figures.interval(self.estimate.rounded(), self.number)
        return found + ("" if self.unit in WRITTEN else f" {self.unit}")


@dataclass(frozen=True)
class SafetyReport(ModelReport):
    """A report of type `safety`, on the model that was probed."""

    @property
    def probe(self) -> str:
        """Name of the plugin that made it: `counterfactual`."""
        return str(self.content["probe"])

    @property
    def limits(self) -> Mapping[str, Limit]:
        """Name -> number that a gate can require to be small."""
        return {
            name: Limit(
                str(one["title"]),
                one["unit"],
                int(one["n"]),
                Estimate(*(float(one[key]) for key in ("value", "low", "high"))),
            )
            for name, one in self.content["limits"].items()
        }


def is_safety(report: Report) -> bool:
    """True for a report of type `safety`."""
    return report.meta.get("type") == TYPE


def of_model(reports: Sequence[Report], model: str) -> tuple[SafetyReport, ...]:
    """The safety reports on a model, by its digest."""
    return tuple(SafetyReport(one) for one in reports if is_safety(one) and one.refs.get("model") == model)


def write(
    folder: Path,
    probe: str,
    *,
    purpose: ModelTask,
    model: Model,
    data: Dataset,
    limits: Mapping[str, Limit],
    details: Mapping[str, Any],
    refs: Mapping[str, str],
) -> Report:
    """Write `report.json`; `refs` are those beside the model and the data."""
    report = {
        "type": TYPE,
        "probe": probe,
        "model_task": purpose.name,
        "name": model_name(model),
        "model": about(model),
        "limits": {name: one.dump() for name, one in limits.items()},
        "details": dict(details),
    }
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    return Report(
        path=folder,
        meta={"type": TYPE, "probe": probe, "task": purpose.in_headers},
        refs={"model": model.digest, "data": data.digest, **refs},
        summary={name: round(one.estimate.value, 4) for name, one in limits.items()},
    )
