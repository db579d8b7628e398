"""Weights of labels in a classifier's loss, so that rare ones are not given up for frequent ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, PositiveFloat

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.stage import Task


def _sound(given: Any) -> Any:
    """The value as it is; ValueError in plain words for one that is none of the three kinds."""
    if given in ("none", "balanced"):
        return given
    if not isinstance(given, Mapping) or not given:
        raise ValueError("it is none, balanced, or a weight for some labels, like {spam: 5}")
    for label, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
            raise ValueError(f"the weight of {label!r} is {weight!r}; it must be a number above 0")
    return given


ClassWeights = Annotated[Literal["none", "balanced"] | Mapping[str, PositiveFloat], BeforeValidator(_sound)]


class ClassWeightOptions(Documented):
    """Option of a training whose loss compares with labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_weights: ClassWeights = "none"
    """How much a row's label counts. `balanced`: all labels of `train` the same in sum, so a rare one's rows
    more (King & Zeng, 2001; scikit-learn's formula). Or a weight for some, like {spam: 5}: others have 1, and
    only ratios matter."""


def weights_of(
    chosen: ClassWeights, labels: Sequence[str], classes: Sequence[int], task: Task
) -> list[float] | None:
    """A weight for each label, 1 in the mean over the labelled training rows; None where all count the same.

    `classes`: the label of each of these rows, as a place in `labels`. The weights are said. BadRequest for a
    label that the data don't have.
    """
    if chosen == "none":
        return None
    counts = Counter(classes)
    if isinstance(chosen, str):
        found = [1 / counts[place] if counts[place] else 1.0 for place in range(len(labels))]
    else:
        for label in chosen:
            if label not in labels:
                raise BadRequest(
                    f"class_weights: the data have no label {label!r}. {did_you_mean(label, list(labels))}"
                )
        found = [chosen.get(label, 1.0) for label in labels]
    mean = sum(count * found[place] for place, count in counts.items()) / len(classes)
    found = [weight / mean for weight in found]
    low, high = (pick(counts, key=found.__getitem__) for pick in (min, max))
    task.say(
        f"class weights: from {found[low]:.3g} ({labels[low]}, {counts[low]} rows) "
        f"to {found[high]:.3g} ({labels[high]}, {counts[high]} rows)"
    )
    return found
