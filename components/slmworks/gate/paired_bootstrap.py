"""The gate that asks what a small model keeps of its teacher, and how sure that is."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from slmworks import figures, statistics
from slmworks.artifact import Report, Verdict
from slmworks.errors import BadRequest
from slmworks.gate import Gate
from slmworks.gate.candidates import Candidate, candidates
from slmworks.gate.checks import Check, check_accuracy, check_retention, check_smaller, check_speedup
from slmworks.gate.rows import candidate_row, teacher_row, trivial_rows
from slmworks.stage import Task

__all__ = ["PairedBootstrap"]


class PairedBootstrap(Gate):
    """Let a candidate pass only if it keeps enough of its teacher for sure, and is fast and small enough.

    Chosen on validation, decided on test: retention by the one-sided lower bound of a paired bootstrap
    (Efron & Tibshirani, 1993). "Inconclusive" is not a pass; it says how many rows it would take.
    """

    deterministic: ClassVar = True
    light: ClassVar = True

    retention: PositiveFloat = 0.95
    """What share of the teacher's accuracy must be kept, at the lower bound."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of the one-sided lower bound."""
    speedup: PositiveFloat | None = None
    """How many times faster than the teacher it must be at batch 1 (lower end of the 95 % interval)."""
    smaller: PositiveFloat | None = None
    """How many times smaller than the teacher it must be on disk."""
    minimum_accuracy: Annotated[float, Field(gt=0, le=1)] | None = None
    """Accuracy on test that it must reach, whatever the teacher does."""
    choose: Literal["smallest", "fastest", "best"] = "smallest"
    """Which candidate to take of those that keep enough on validation."""
    resamples: Annotated[int, Field(ge=1000)] = 10_000
    """Bootstrap resamples for each retention."""

    def run(self, *, reports: Sequence[Report], task: Task) -> Verdict:
        """Write `verdict.json`. A refusal is a verdict too; BadRequest only if reports don't fit together."""
        found = candidates(reports, task)
        self._require_speed(found)
        chosen, reason = self._choose(found, task.seed)
        kept = {one.name: self._kept(one, "test", task.seed) for one in found}
        checks = self._checks(chosen, kept[chosen.name])
        passed = all(check.passed for check in checks)
        rows = [teacher_row(chosen.baseline, chosen)]
        rows += [candidate_row(one, kept[one.name].rounded(), chosen=one is chosen) for one in found]
        rows += trivial_rows(chosen.baseline, chosen)
        warnings = _warnings(chosen)
        verdict = {
            "passed": passed,
            "sentence": _sentence(checks, warnings),
            "chosen": chosen.name,
            "because": reason,
            "checks": [check.as_json() for check in checks],
            "warnings": warnings,
            "rows": rows,
        }
        text = json.dumps(verdict, indent=1, ensure_ascii=False) + "\n"
        (task.output / "verdict.json").write_text(text, encoding="utf-8")
        return Verdict(
            path=task.output,
            meta={"passed": passed},
            refs=_refs(chosen, reports),
            summary={"sentence": verdict["sentence"]},
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

    def _kept(self, one: Candidate, split: str, seed: int) -> statistics.Retention:
        return statistics.retention(
            one.pairs(split), resamples=self.resamples, seed=seed, confidence=self.confidence
        )

    def _choose(self, found: Sequence[Candidate], seed: int) -> tuple[Candidate, str]:
        """Of those that keep enough on validation *for sure* the wanted one; if none does, the best.

        The bound, not the estimate: the same bound decides on test, so the estimate would pick a smaller
        model that then fails where a slightly larger one would have passed.
        """
        kept = {one.name: self._kept(one, "validation", seed) for one in found}

        def best(one: Candidate) -> tuple[float, ...]:
            return (-kept[one.name].estimate.value, one.bytes)

        def wanted(one: Candidate) -> tuple[float, ...]:
            if self.choose == "smallest":
                return (one.bytes, *best(one))
            if self.choose == "fastest" and one.speed is not None:
                return (-one.speed["speedup"]["value"], *best(one))
            return best(one)

        enough = [one for one in found if kept[one.name].bound >= self.retention]
        keeps = figures.requirement(self.retention)
        if enough:
            return min(enough, key=wanted), f"{self.choose} that keeps {keeps}"
        return min(found, key=best), f"best on validation; none surely keeps {keeps}"

    def _checks(self, one: Candidate, kept: statistics.Retention) -> list[Check]:
        checks = [check_retention(one.pairs("test"), kept, self.retention, self.confidence)]
        if self.minimum_accuracy is not None:
            checks.append(check_accuracy(one, self.minimum_accuracy))
        if one.speed is not None and "speedup" in one.speed:
            # not required, it is still said: any measured speed-up is at least 0
            checks.append(check_speedup(one.speed["speedup"], self.speedup or 0.0))
        checks.append(check_smaller(one, self.smaller or 0.0))
        return checks


def _sentence(checks: Sequence[Check], warnings: Sequence[str]) -> str:
    """The verdict in words; for a refusal, what was missed comes first."""
    if all(check.passed for check in checks):
        said, head = list(checks), "passed"
    else:
        said = sorted(checks, key=lambda check: check.passed)
        missed = any(check.outcome == "missed" for check in checks)
        head = "refused" if missed else "inconclusive"
    return f"{head}: " + "; ".join([*(check.words for check in said), *warnings])


def _warnings(one: Candidate) -> list[str]:
    """Trivial models that the candidate does not beat for sure (exact McNemar test, 5 %)."""
    found = []
    for name, splits in one.baseline.said.get("trivial", {}).items():
        pairs = one.pairs_with(name, "test")
        if pairs.gained > pairs.lost and statistics.mcnemar(pairs.gained, pairs.lost) < 0.05:
            continue
        theirs, ours = (
            figures.score(said["test"]["accuracy"]["value"]) for said in (splits, one.said["splits"])
        )
        found.append(f"warning: {name} is as good ({theirs} against {ours}), so a language model may not pay")
    return found


def _refs(chosen: Candidate, reports: Sequence[Report]) -> Mapping[str, Any]:
    digests = dict.fromkeys([*(report.digest for report in reports), chosen.baseline.report.digest])
    numbered = {f"report.{number}": digest for number, digest in enumerate(digests)}
    return {"model": chosen.model, "baseline_model": chosen.baseline.model, **numbered}
