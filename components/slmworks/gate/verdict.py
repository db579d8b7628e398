"""Parts of `verdict.json` and of its artifact: the sentence, the references, the numbers of the decision."""

from collections.abc import Sequence
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.evaluate.quality_report import QualityReport
from slmworks.gate.candidates import Candidate
from slmworks.gate.checks import Check, told_together
from slmworks.numbers import statistics


def as_reported(
    kept: statistics.Bounded, quality: QualityReport, baseline: QualityReport
) -> dict[str, float]:
    """What is kept, with the interval that the quality report holds and the bound that was decided on."""
    reported = quality.against(baseline.model).get("retention", {})
    return kept.rounded() | {end: reported[end] for end in ("low", "high") if end in reported}


def as_metrics(retention: Check) -> dict[str, float]:
    """The numbers of the decision, for MLflow."""
    return {"value": round(retention.measured, 6), "at_least": round(retention.bound, 6)}


def sentence(checks: Sequence[Check], warnings: Sequence[str]) -> str:
    """The verdict in words; for a refusal, what was missed comes first."""
    if all(check.passed for check in checks):
        ordered, head = list(checks), "passed"
    else:
        ordered = sorted(checks, key=lambda check: check.passed)
        missed = any(check.outcome == "missed" for check in checks)
        head = "refused" if missed else "inconclusive"
    return f"{head}: " + "; ".join([*told_together(ordered), *warnings])


def refs(chosen: Candidate, champion: QualityReport | None, reports: Sequence[Report]) -> dict[str, Any]:
    """What a verdict refers to, by digest: models and reports."""
    decided_on = numbered("report", [*reports, chosen.baseline.report])
    found = {"model": chosen.model, "baseline_model": chosen.baseline.model, **decided_on}
    if champion is not None:
        found |= {"champion_model": champion.model, "champion": champion.report.digest}
    return found


def numbered(role: str, reports: Sequence[Report]) -> dict[str, str]:
    """`role.0`, `role.1`, … -> digest of a report, each once."""
    digests = dict.fromkeys(report.digest for report in reports)
    return {f"{role}.{number}": digest for number, digest in enumerate(digests)}
