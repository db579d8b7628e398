"""The gate by paired bootstrap: how much a small model keeps of its teacher, and how sure that is."""

import json
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from slmworks.contract.artifact import Report, Verdict
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Measure
from slmworks.contract.stage import Task
from slmworks.evaluate.judge_report import JudgeReport
from slmworks.evaluate.quality_report import ALIKE, QualityReport
from slmworks.gate import Gate, front
from slmworks.gate.benchmarks import check_benchmark
from slmworks.gate.candidates import Candidate, candidates, champion_of
from slmworks.gate.checks import (
    Check,
    check_champion,
    check_minimum,
    check_retention,
    check_smaller,
    check_speedup,
    is_champion,
)
from slmworks.gate.judges import check_win_rate, require_wanted
from slmworks.gate.limits import check_limits
from slmworks.gate.linear import OverLinear
from slmworks.gate.references import References, models
from slmworks.gate.rows import (
    candidate_row,
    champion_row,
    reference_row,
    shown_measures,
    speed_warnings,
    teacher_row,
    trivial_rows,
    trivial_warnings,
)
from slmworks.gate.running_costs import Limits
from slmworks.gate.slices import check_slices, slices
from slmworks.gate.verdict import as_metrics, as_reported, numbered, refs, sentence
from slmworks.numbers import figures, statistics

__all__ = ["PairedBootstrap"]

MOST_KEPT = 1.5
"""A larger `retention` is a percentage by mistake."""


class PairedBootstrap(Gate):
    """Let a candidate pass only if it surely keeps enough of its teacher and is no worse than the champion.

    Compared by the measure that decides in the reports: `measure` of evaluate/quality, or the model task's
    first. Chosen on validation, decided on test by one-sided lower bounds of a paired Bayesian bootstrap
    (Rubin, 1981). "Inconclusive" is not a pass; it says how many rows it would take.
    """

    deterministic: ClassVar = True
    light: ClassVar = True
    runs_models: ClassVar = True  # a model task's measures decide, so their code is part of the identity

    retention: PositiveFloat = 0.95
    """Share of the teacher's measure that must be kept, at the lower bound."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of the one-sided lower bound."""
    champion_drop: NonNegativeFloat = 0.02
    """With a champion: how much worse than its measure may be, at the lower bound (0.02: two points)."""
    over_linear: NonNegativeFloat | None = None
    """How much better than the linear model on words it must be, at the lower bound (0.02: two points; 0:
    better at all). Without it the difference is only reported."""
    slice_drop: NonNegativeFloat | None = None
    """How much worse a slice (a source, …) may get against teacher and champion; a sure drop refuses."""
    slice_rows: PositiveInt = 30
    """Rows that a slice must have to be guarded."""
    speedup: PositiveFloat | None = None
    """How many times faster than the teacher it must be at batch 1 (lower end of the 95 % interval)."""
    smaller: PositiveFloat | None = None
    """How many times smaller than the teacher it must be on disk."""
    size_mb: PositiveFloat | None = None
    """The most MB (10^6 bytes) that it may have on disk."""
    p95_ms: PositiveFloat | None = None
    """The most milliseconds in which 95 % of requests must be answered, one at a time, as the speed report
    measured them."""
    cpu_ms: PositiveFloat | None = None
    """The most milliseconds of all cores that a request may take, as the speed report measured them."""
    joules: PositiveFloat | None = None
    """The most joules for 1,000 requests, where the speed report measured energy; an estimate is none."""
    minimum: dict[str, float] = Field(default={})
    """Measure -> least value on test, whatever the teacher does ({accuracy: 0.9}); where lower is better, the
    largest value. Of a benchmark `TASK.METRIC`: the end of the 95 % interval must reach it."""
    limits: dict[str, float] = Field(default={})
    """Number among the report's limits -> largest value on test ({ece: 0.05}: calibration error). Of those in
    safety reports ({counterfactual_change: 0.02}) the upper end of the 95 % interval must lie within it."""
    win_rate: Annotated[float, Field(ge=0, lt=1)] | None = None
    """With reports of a judge: the least share of pairs that it must win, ties as half, at the lower bound;
    0: they are only shown. Without it a judge's report is refused: an opinion is never the first measure."""
    choose: Literal["smallest", "fastest", "best"] = "smallest"
    """Which candidate to take of those that keep enough on validation, and `size_mb`, `p95_ms`, `cpu_ms` and
    `joules`. Of those within 2 % of the smallest size the best is the smallest."""
    resamples: Annotated[int, Field(ge=1000)] = statistics.DRAWS
    """Least number of bootstrap resamples for a bound that has to be drawn: more are drawn where it lies near
    its limit, and none for right and wrong answers, whose bounds are computed."""

    @field_validator("retention")
    @classmethod
    def _is_share(cls, share: float) -> float:
        if share > MOST_KEPT:
            raise ValueError(f"must be a share of the teacher's measure, at most {MOST_KEPT:g}; 97 % is 0.97")
        return share

    def run(
        self,
        *,
        reports: Sequence[Report],
        champion: Report | None = None,
        references: Sequence[Report] | None = None,
        task: Task,
    ) -> Verdict:
        """Write `verdict.json`. A refusal is a verdict too; BadRequest only if reports don't fit together."""
        found = candidates(reports, task, references=references or ())
        today, beaten = champion_of(champion, found), self._references(references or (), found, task)
        self._require_scale(found[0].quality.measure)
        self._require_speed(found)
        require_wanted(reports, self.win_rate, found)
        linear = OverLinear(self.over_linear, self.confidence, self.resamples, task.seed)
        linear.require_fitted(found[0].baseline)
        within = [one for one in found if self._limits.excess(one) <= 1]
        if within:
            chosen, reason = self._choose(within, today, beaten, linear, task.seed)
        else:
            chosen, reason = self._limits.nearest(found)
        kept = {one.name: self._kept(one.quality, chosen.baseline, "test", task.seed) for one in found}
        checks = self._checks(chosen, kept[chosen.name], today, beaten, linear, task.seed)
        passed = all(check.passed for check in checks)
        rows = [teacher_row(chosen.baseline, found)]
        if today is not None and today.model not in {one.model for one in found}:
            held = self._kept(today, chosen.baseline, "test", task.seed)
            rows.append(champion_row(today, chosen.baseline, as_reported(held, today, chosen.baseline)))
        rows += [
            candidate_row(one, as_reported(kept[one.name], one.quality, one.baseline), chosen=one is chosen)
            for one in found
        ]
        front.mark(rows)
        rows += [
            reference_row(name, one, chosen.baseline, one.beside(chosen.baseline, "test").pairs().kept)
            for name, one in beaten.models.items()
            if one.model not in (chosen.baseline.model, today and today.model)  # they have a row
        ]
        rows += trivial_rows(chosen.baseline, chosen)
        warnings = (
            [] if beaten.models else trivial_warnings(chosen, self.resamples, task.seed, but=linear.required)
        )
        warnings += speed_warnings(found)
        nearest = [reason] if len(found) > 1 and not within else []
        verdict = {
            "passed": passed,
            "sentence": sentence(checks, [*nearest, *warnings]),
            "model_task": chosen.quality.model_task.name,
            "measures": shown_measures(chosen.quality),
            "chosen": chosen.name,
            "because": reason,
            "champion": None if today is None else today.model,
            "checks": [check.as_json() for check in checks],
            "warnings": warnings,
            "linear": linear.report(chosen),
            "rows": rows,
        }
        text = json.dumps(verdict, indent=1, ensure_ascii=False) + "\n"
        (task.output / "verdict.json").write_text(text, encoding="utf-8")
        return Verdict(
            path=task.output,
            meta={"passed": passed},
            refs=refs(chosen, today, reports) | numbered("reference", references or ()),
            summary={"sentence": verdict["sentence"], "kept": as_metrics(checks[0])},
        )

    def _references(self, reports: Sequence[Report], found: Sequence[Candidate], task: Task) -> References:
        known = models(reports, found, task.names)
        return References(known, self.confidence, self.resamples, task.seed)

    def _require_scale(self, measure: Measure) -> None:
        """BadRequest for a difference that a measure from 0 to 1 cannot have: somebody meant points."""
        for option in ("champion_drop", "slice_drop", "over_linear"):
            size: float | None = getattr(self, option)
            if size is not None and size >= 1 and measure.is_share:
                raise BadRequest(
                    f"the gate's `{option}` is {size:g}, but {measure.title} goes from 0 to 1; "
                    "two points are 0.02."
                )

    def _require_speed(self, found: Sequence[Candidate]) -> None:
        if self.speedup is None and self.choose != "fastest":
            return
        for one in found:
            if one.speed is None or "speedup" not in one.speed:
                lacks = "has no speed report" if one.speed is None else "has a speed report without baseline"
                raise BadRequest(
                    f"the gate asks for speed, but {one.name} {lacks}; add an evaluate step with "
                    "`uses: speed` and `baseline:` to the gate's reports."
                )

    @property
    def _limits(self) -> Limits:
        return Limits(self.size_mb, self.p95_ms, self.cpu_ms, self.joules)

    def _kept(self, one: QualityReport, baseline: QualityReport, split: str, seed: int) -> statistics.Bounded:
        pairs = one.beside(baseline, split).pairs()
        return statistics.retention(
            pairs, limit=self.retention, resamples=self.resamples, seed=seed, confidence=self.confidence
        )

    def _changed(
        self, one: QualityReport, champion: QualityReport, split: str, seed: int
    ) -> statistics.Bounded:
        pairs = one.beside(champion, split).pairs()
        return statistics.difference(
            pairs, limit=-self.champion_drop, resamples=self.resamples, seed=seed, confidence=self.confidence
        )

    def _choose(
        self,
        found: Sequence[Candidate],
        champion: QualityReport | None,
        beaten: References,
        linear: OverLinear,
        seed: int,
    ) -> tuple[Candidate, str]:
        """Of those that *surely* keep enough on validation the wanted one; if none does, the best.

        The bound, not the estimate: the same bound decides on test, so the estimate would pick a smaller
        model that then fails where a slightly larger one would have passed.
        """
        kept = {one.name: self._kept(one.quality, one.baseline, "validation", seed) for one in found}

        def best(one: Candidate) -> tuple[float, ...]:
            return (-kept[one.name].estimate.value, one.bytes)

        def wanted(one: Candidate) -> tuple[float, ...]:
            if self.choose == "smallest":
                return (one.bytes > ALIKE * least, *best(one))
            if self.choose == "fastest" and one.speed is not None:
                return (-one.speed["speedup"]["value"], *best(one))
            return best(one)

        def enough(one: Candidate) -> bool:
            if kept[one.name].surely < self.retention or not beaten.beaten(one, "validation"):
                return False
            if not linear.enough(one, "validation"):
                return False
            if champion is None or champion.model == one.model:
                return True
            return self._changed(one.quality, champion, "validation", seed).surely >= -self.champion_drop

        keeps = f"keeps {figures.requirement(self.retention)}"
        keeps += "" if champion is None else " and is not worse than the champion"
        rivals = ["every reference"] * bool(beaten.models)
        rivals += ["the linear model"] * (self.over_linear is not None)
        keeps += f" and beats {' and '.join(rivals)}" if rivals else ""
        keeps += f", of those with {self._limits.words}" if self._limits.set else ""
        good = [one for one in found if enough(one)]
        least = min((one.bytes for one in good), default=0)
        if good:
            return min(good, key=wanted), f"{self.choose} that on validation surely {keeps}"
        return min(found, key=best), f"best on validation, where none surely {keeps}"

    def _checks(
        self,
        one: Candidate,
        kept: statistics.Bounded,
        champion: QualityReport | None,
        beaten: References,
        linear: OverLinear,
        seed: int,
    ) -> list[Check]:
        pairs, measure = one.quality.beside(one.baseline, "test").pairs(), one.quality.measure
        checks = [check_retention(pairs, kept, self.retention, confidence=self.confidence, measure=measure)]
        if champion is not None:
            checks.append(self._champion_check(one, champion, seed))
        checks += beaten.checks(one) + linear.checks(one)
        if self.slice_drop is not None:
            checks.append(self._slice_check(one, champion, self.slice_drop, seed))
        checks += [
            check_benchmark(name, one.benchmarks[name], least)
            if name in one.benchmarks
            else check_minimum(one.quality, name, least, further=one.benchmarks)
            for name, least in self.minimum.items()
        ]
        checks += check_limits(one, self.limits)
        if one.speed is not None and "speedup" in one.speed:
            # not required, it is still said: any measured speed-up is at least 0
            checks.append(check_speedup(one.speed, self.speedup or 0.0))
        if one.smaller is not None or self.smaller is not None:
            checks.append(check_smaller(one, self.smaller or 0.0))
        checks += self._limits.checks(one)
        return checks + [self._win_check(said, seed) for said in one.judged]

    def _win_check(self, said: JudgeReport, seed: int) -> Check:
        return check_win_rate(
            said, self.win_rate or 0.0, confidence=self.confidence, resamples=self.resamples, seed=seed
        )

    def _champion_check(self, one: Candidate, champion: QualityReport, seed: int) -> Check:
        measure = one.quality.measure
        if one.model == champion.model:
            return is_champion(self.champion_drop, measure)
        pairs = one.quality.beside(champion, "test").pairs()
        change = self._changed(one.quality, champion, "test", seed)
        return check_champion(pairs, change, self.champion_drop, confidence=self.confidence, measure=measure)

    def _slice_check(
        self, one: Candidate, champion: QualityReport | None, allowed: float, seed: int
    ) -> Check:
        found = slices(one.quality.beside(one.baseline, "test"), "teacher", self.slice_rows)
        if champion is not None and champion.model != one.model:
            found += slices(one.quality.beside(champion, "test"), "champion", self.slice_rows)
        return check_slices(
            found,
            allowed,
            measure=one.quality.measure,
            confidence=self.confidence,
            resamples=self.resamples,
            seed=seed,
        )
