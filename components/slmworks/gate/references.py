"""Models and trivial baselines that a candidate must surely beat, and that are never chosen themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.evaluate.candidate_names import names
from slmworks.evaluate.quality_report import QualityReport, is_quality
from slmworks.gate.candidates import Candidate, require_alike
from slmworks.gate.checks import Check, check_reference
from slmworks.numbers import statistics
from slmworks.numbers.paired import Paired


@dataclass(frozen=True)
class References:
    """What must be beaten, with the settings of the bound that decides it."""

    models: Mapping[str, QualityReport]
    """Name -> model. Where there are any, the trivial baselines must be beaten too."""
    confidence: float
    resamples: int
    seed: int

    def checks(self, one: Candidate) -> list[Check]:
        """One check for each of them, on test."""
        return [
            check_reference(
                name, pairs, self._change(pairs), confidence=self.confidence, measure=one.quality.measure
            )
            for name, pairs in self._pairs(one, "test").items()
        ]

    def beaten(self, one: Candidate, split: str) -> bool:
        """True if a candidate is surely better than all of them."""
        return all(self._change(pairs).surely > 0 for pairs in self._pairs(one, split).values())

    def _pairs(self, one: Candidate, split: str) -> dict[str, Paired]:
        found = {name: one.quality.beside(other, split).pairs() for name, other in self.models.items()}
        if self.models:
            found |= {name: one.beside_trivial(name, split) for name in one.baseline.trivial}
        return found

    def _change(self, pairs: Paired) -> statistics.Bounded:
        return statistics.difference(
            pairs, limit=0.0, resamples=self.resamples, seed=self.seed, confidence=self.confidence
        )


def models(
    reports: Sequence[Report], found: Sequence[Candidate], called: Mapping[str, str]
) -> dict[str, QualityReport]:
    """Name -> model that must be beaten; BadRequest if it cannot be compared with the candidates.

    `called`: digest of a model -> the step that made it, as far as that is known.
    """
    if others := [str(one.meta.get("type")) for one in reports if not is_quality(one)]:
        raise BadRequest(
            f"a reference is a report of type {others[0]}; give `references` steps that evaluate with "
            "quality."
        )
    judged = {report.refs["model"]: QualityReport(report) for report in reports}
    require_alike([*judged.values(), found[0].quality])
    known = {one.model: one.name for one in found} | {
        model: called.get(model, one.name) for model, one in judged.items()
    }
    named = names(known)
    return {named[model]: judged[model] for model in sorted(judged, key=lambda one: named[one])}
