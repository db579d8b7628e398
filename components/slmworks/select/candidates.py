"""Quality reports as candidates, the best first, each with the chance that it is truly the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.evaluate import predictions
from slmworks.evaluate.candidate_names import names
from slmworks.evaluate.quality_report import ALIKE, QualityReport, is_quality
from slmworks.numbers.subset import chances_of_best

SPLIT = "validation"
"""What candidates are chosen on; nobody looks at `test` before the gate."""

Among = Literal["all", "no-larger"]


@dataclass(frozen=True)
class Ranked:
    """A candidate and its rank."""

    quality: QualityReport
    name: str
    rank: int
    """From 1."""
    chance: float
    """How often, were it truly the best, it would fall so far behind the first (see `chances_of_best`)."""
    as_good: bool = False
    """True for one that counts as equally good as the best, so that its rank is by its size."""
    ahead: int = 0
    """Rivals that are better; `best` is the value of the best one among it and them."""
    best: float = 0.0

    @property
    def model(self) -> str:
        """Digest of the model."""
        return self.quality.model


def ranked(
    reports: Sequence[Report],
    *,
    resamples: int,
    seed: int,
    margin: float | None = None,
    among: Among = "all",
    called: Mapping[str, str] | None = None,
) -> list[Ranked]:
    """The candidates by the first measure of their model task, then the smaller one; BadRequest for none.

    Those within `margin` of the best are as good as it, so that only their sizes count. With `among` a
    candidate's rivals are those that are no larger, and the fewer of them are better the higher it ranks. A
    report that another one was compared with is about none. `called`: digest of a model -> the step that made
    it.
    """
    found = _candidates(reports)
    measure = found[0].measure
    judged = [one.judged(SPLIT) for one in found]
    counts = [predictions.paired(judged[0], one).counts[measure.name] for one in judged]
    if not all(measure.comparable(counts[0], one) for one in counts):
        raise BadRequest(
            f"the candidates' {measure.title} can't be compared, since they split texts into other tokens; "
            "select among models with one tokenizer."
        )
    rivals = [_rivals(found, one, among) for one in found]
    chances = chances_of_best(counts, measure, rivals=rivals, resamples=resamples, seed=seed)
    sign = -1.0 if measure.higher_is_better else 1.0

    losses = [sign * one.value(SPLIT) for one in found]
    best = min(losses)
    near = [margin is not None and loss <= best + margin for loss in losses]
    ahead = [sum(losses[j] < losses[i] for j in rivals[i]) for i in range(len(found))]

    def place(i: int) -> tuple[int, float, int, str]:
        behind = 0 if among == "all" else ahead[i]
        return (behind, best if near[i] else losses[i], found[i].bytes or 0, found[i].model)

    named = names({one.model: (called or {}).get(one.model, one.name) for one in found})
    order = sorted(range(len(found)), key=place)
    return [
        Ranked(
            found[i],
            named[found[i].model],
            rank,
            chances[i],
            near[i],
            ahead[i],
            sign * min(losses[j] for j in rivals[i]),
        )
        for rank, i in enumerate(order, start=1)
    ]


def _rivals(found: Sequence[QualityReport], one: QualityReport, among: Among) -> list[int]:
    """Places of the candidates that one is compared with, itself included."""
    if among == "all":
        return list(range(len(found)))
    limit = ALIKE * (one.bytes or 0)
    return [i for i, other in enumerate(found) if (other.bytes or 0) <= limit]


def _candidates(reports: Sequence[Report]) -> list[QualityReport]:
    for report in reports:
        if not is_quality(report):
            raise BadRequest(
                f"select reads reports of type quality, not '{report.meta.get('type')}'; leave that step out "
                "of its reports."
            )
    beside = {report.refs.get("baseline") for report in reports}
    judged = (QualityReport(report) for report in reports if report.digest not in beside)
    found = list({one.model: one for one in judged}.values())
    tasks = sorted({one.model_task.name for one in found})
    if len(tasks) > 1:
        raise BadRequest(
            f"the reports are about models for {' and '.join(tasks)}; select among models of one model task."
        )
    for one in found:
        one.require(SPLIT)
    if len({one.report.refs["data"] for one in found}) > 1:
        raise BadRequest("the reports were measured on different data; evaluate all models on the same data.")
    return found
