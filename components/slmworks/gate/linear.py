"""The linear model beside the candidate: how much better a language model is than words that are added up.

It is always reported, with its interval; `over_linear` makes it a requirement.
"""

from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Measure
from slmworks.evaluate.quality_report import QualityReport
from slmworks.gate.candidates import Candidate
from slmworks.gate.checks import Check, Outcome, barely, change_of, more_rows, outcome
from slmworks.numbers import figures, statistics
from slmworks.numbers.paired import Paired


@dataclass(frozen=True)
class OverLinear:
    """What is required, with the settings of the bound that decides it."""

    required: float | None
    """Least difference in the deciding measure (0.02: two points); None: it is only reported."""
    confidence: float
    resamples: int
    seed: int

    def require_fitted(self, baseline: QualityReport) -> None:
        """BadRequest where it is required, and no linear model was judged beside the baseline."""
        name = baseline.model_task.linear
        if self.required is not None and name not in baseline.trivial:
            raise BadRequest(
                f"the gate's `over_linear` needs the linear model ({name}), and {absence(baseline)}; leave "
                "`over_linear` out, or evaluate the baseline where one can be fitted."
            )

    def enough(self, one: Candidate, split: str) -> bool:
        """True if a candidate is surely so much better, or if nothing is required."""
        if self.required is None:
            return True
        pairs = one.beside_trivial(one.baseline.model_task.linear, split)
        return self._how(self._change(pairs), self.required) == "passed"

    def checks(self, one: Candidate) -> list[Check]:
        """The requirement on test; none where nothing is required."""
        if self.required is None:
            return []
        name = one.baseline.model_task.linear
        pairs = one.beside_trivial(name, "test")
        return [self._check(name, pairs, self._change(pairs), self.required, one.quality.measure)]

    def report(self, one: Candidate) -> dict[str, Any]:
        """For verdict.json: the difference on test with its interval, or why there is none."""
        name = one.baseline.model_task.linear
        if name not in one.baseline.trivial:
            return {"name": name, "absent": absence(one.baseline)}
        pairs, measure = one.beside_trivial(name, "test"), one.quality.measure
        change = self._change(pairs)
        ends = {key: round(getattr(change.estimate, key), 6) for key in ("value", "low", "high")}
        moved = {key: measure.moved(ends[key]) for key in ends}
        if not measure.higher_is_better:
            moved["low"], moved["high"] = moved["high"], moved["low"]
        words = f"{measure.title} against {name}: {measure.change_range(moved)}, 95 % interval"
        if change.surely <= 0:
            words += ", so a language model may not pay"
        return {
            "name": name,
            "n": pairs.n,
            **ends,
            "bound": round(change.bound, 6),
            "written": measure.change_range(moved),
            "words": words,
        }

    def _change(self, pairs: Paired) -> statistics.Bounded:
        return statistics.difference(
            pairs,
            limit=self.required or 0.0,
            resamples=self.resamples,
            seed=self.seed,
            confidence=self.confidence,
        )

    def _how(self, change: statistics.Bounded, required: float) -> Outcome:
        """How it went; a required 0 means: better, not as good."""
        if not required:
            return (
                "passed" if change.surely > 0 else "inconclusive" if change.estimate.value > 0 else "missed"
            )
        return outcome(change.estimate.value, change.surely, required)

    def _check(
        self, name: str, pairs: Paired, change: statistics.Bounded, required: float, measure: Measure
    ) -> Check:
        value, n = change.estimate.value, figures.count(pairs.n)
        how = self._how(change, required)
        changed, least = change_of(measure, value), change_of(measure, change.bound)
        side = "lower" if measure.higher_is_better else "upper"
        level = figures.requirement(self.confidence)
        bound = f"{level} {side} bound {barely(change.bound - required)}{least}, n = {n}"
        named = changed if measure.is_share else f"{measure.title} {changed}"
        asked = f"at least {measure.gap(required)} better" if required else "better"
        if how == "passed":
            words = f"better than {name}: {named} ({bound})"
        elif how == "missed":
            words = f"not {asked} than {name}: {named} ({bound})"
        else:
            needed = statistics.rows_needed_for_difference(pairs, -required, confidence=self.confidence)
            exactly = f"it is exactly {measure.gap(required)} better" if required else "they are as good"
            words = f"not surely {asked} than {name}: {named} ({bound}): "
            words += more_rows(needed, pairs.n, exactly)
        written = (change_of(measure, required) if required else "above 0", changed, least)
        title = f"change of {measure.title} against {name}, at least"
        return Check("over_linear", title, required, value, change.bound, how, words, written)


def absence(baseline: QualityReport) -> str:
    """Why no linear model was judged beside the baseline, as the end of a sentence."""
    if reason := baseline.left_out.get(baseline.model_task.linear):
        return f"it could not be fitted ({reason})"
    if baseline.trivial:
        return f"{baseline.model_task.name} fits none"
    return (
        "the baseline's report has no trivial baselines (its option `trivial`, or it has a baseline itself)"
    )
