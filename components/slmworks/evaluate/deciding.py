"""The measure that decides in a report: the one that is named, the baseline's, or the model task's first."""

from collections.abc import Collection, Mapping, Sequence

from slmworks.contract.artifact import Model, Report
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.model_task import Answer, Measure, ModelTask
from slmworks.contract.options import OptionError
from slmworks.evaluate.quality_report import QualityReport


def named_measure(purpose: ModelTask, name: str, *, likelihood: bool = True) -> Measure:
    """A measure of a model task that can decide; OptionError for one that it hasn't, or that is no sum.

    Also for one that needs the likelihood of the truth, where that isn't to be measured.
    """
    found = purpose.measure(name)
    if found is None:
        problem = f"'{name}' is no measure of {purpose.name}."
        if name in purpose.titles:
            problem = f"{purpose.title(name)} is no sum over rows and can't decide; `minimum` can guard it."
        hint = did_you_mean(name, [one.name for one in purpose.measures])
        raise OptionError(("measure",), f"{problem} {hint}")
    if found.needs in _likelihoods(purpose) and not likelihood:
        raise OptionError(
            ("measure",),
            f"'{name}' needs how likely the model finds the true answers; leave `likelihood: false` out.",
        )
    return found


def deciding(purpose: ModelTask, named: str | None, baseline: Report | None) -> Measure:
    """The measure; OptionError for one that can't decide, or another one than the baseline's."""
    theirs = None if baseline is None else QualityReport(baseline).measure
    if named is None:
        return theirs or purpose.measures[0]
    found = named_measure(purpose, named)
    if theirs is not None and theirs != found:
        raise OptionError(
            ("measure",),
            f"'{named}', but {theirs.name} decides in the baseline's report; say it in the baseline's step.",
        )
    return found


def require_scored(
    measure: Measure, purpose: ModelTask, scored: Mapping[str, Collection[str]], model: Model
) -> None:
    """BadRequest where the measure needs a likelihood that won't be measured; so before anything is answered.

    `scored`: split -> the keys that its answers will get; empty where the runtime says no likelihood.
    """
    if measure.needs not in _likelihoods(purpose):
        return
    if not scored:
        raise BadRequest(_lacking(measure, model))
    for split, names in scored.items():
        if measure.needs not in names:
            raise BadRequest(
                f"measure: {measure.name} decides, but not every row of {split} has the column "
                f"'{measure.needs}'; name another one, or give these rows one."
            )


def _likelihoods(purpose: ModelTask) -> tuple[str, ...]:
    """What answers get from the pass over each row's truth."""
    return ("likelihood", *purpose.rivals)


def _lacking(measure: Measure, model: Model) -> str:
    return (
        f"measure: {measure.name} decides, but it needs {measure.needs}, which the answers of this model "
        f"({model.format}) lack; name another one, or leave `likelihood` on and take another format."
    )


def require_given(measure: Measure, answers: Mapping[str, Sequence[Answer]], model: Model) -> None:
    """BadRequest where a model's answers lack what the measure needs."""
    if not all(measure.given(some) for some in answers.values()):
        raise BadRequest(_lacking(measure, model))
