"""Scope: the questions that a model was made for, told from others by a threshold that ships with the model.

A step chooses the threshold on the shipped file's own scores; it is in the model's `meta`, and answers then
hold two keys more. Nothing in here computes a score: a model task does (`Scoping`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, create_model

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    import numpy as np

    from slmworks.contract.artifact import Model
    from slmworks.contract.model_task import Row
    from slmworks.contract.runtime import Runtime

    Array = np.ndarray[Any, Any]

META = "scope"
"""Key of `meta` of a model that knows its scope."""
IN_SCOPE = "in_scope"
"""Key of an answer: whether the question is one that the model was made for."""
SCORE = "scope_score"
"""Key of an answer: the number that the threshold is compared with; more is surer."""
SPLITS: Mapping[str, str] = {"validation": "out_of_scope_validation", "test": "out_of_scope_test"}
"""Split of data -> the split with questions that are out of scope, where the data have some."""
TITLES: Mapping[str, str] = {
    "in_scope_recall": "in-scope questions answered",
    "out_of_scope_recall": "out-of-scope questions declined",
    "out_of_scope_auroc": "out-of-scope AUROC",
    "out_of_scope_answered": "out-of-scope questions answered",
    "wrong_answer_auroc": "wrong-answer AUROC",
}
"""Headings of the measures and limits that follow from it."""


class Scope(Documented):
    """The threshold of a model, and how it was chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    score: str
    """What is compared with it: `energy`, `max-softmax`, `max-logit` of a classifier, `mean-logprob`,
    `groundedness`, `retrieval` of a generator."""
    threshold: float
    """The least score of a question that is in scope."""
    temperature: float = Field(default=1.0, gt=0)
    """By which outputs are divided first."""
    in_scope_recall: float = Field(gt=0, lt=1)
    """Share of in-scope questions that it was chosen to keep."""
    rows: int
    """Rows of validation that it was chosen on."""


class Answered(BaseModel):
    """What the answers of such a model say beside their own fields."""

    in_scope: bool = Field(
        description="Whether the text is one that the model was made for; if not, don't act on its answer."
    )
    scope_score: float = Field(description="The number that this follows from; more is surer.")


@runtime_checkable
class Scoping(Protocol):
    """A model task that can say how surely a question is one that a model was made for."""

    scope_scores: ClassVar[tuple[str, ...]]
    """The scores that it knows; the first one is taken where none is asked for."""
    scope_temperature: ClassVar[bool]
    """Outputs may be divided by a temperature."""

    def scope_scores_of(self, model: "Model") -> tuple[str, ...]:
        """Those of its scores that a model has, in their order."""

    def scope_outputs(self, runtime: "Runtime") -> "Callable[[Sequence[Row]], Sequence[Array]] | None":
        """What scores are computed from: rows of a batch -> an array [width] each; None for nothing."""

    def scope_score(self, outputs: "Array", score: str, temperature: float) -> "Array":
        """Scores [rows] of outputs [rows, width] of a model that has this score; more is surer."""

    def fitted_temperature(
        self, outputs: "Array", rows: Sequence[Mapping[str, Any]], model: "Model"
    ) -> float:
        """The temperature under which the truth of `rows` is likeliest; outputs [rows, width]."""

    def scope_files(self, model: "Model", scope: Scope) -> Mapping[str, str]:
        """File name -> text of the files that a runtime without header reads the threshold from."""


def scope_of(model: "Model") -> Scope | None:
    """The scope that a model knows; None for one that doesn't."""
    found = model.meta.get(META)
    return None if found is None else Scope.model_validate(found)


def require_no_scope(model: "Model") -> None:
    """BadRequest for a model that knows its scope: its threshold holds for its own file's scores only."""
    if scope_of(model) is not None:
        raise BadRequest(
            "the threshold of this model's scope was chosen on its own scores, and this step would change "
            "them; put export/scope behind this step."
        )


def response_of(response: type[BaseModel], meta: Mapping[str, Any]) -> type[BaseModel]:
    """A model task's response as a model with this `meta` gives it."""
    if META not in meta:
        return response
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in Answered.model_fields.items()
    }
    return create_model(response.__name__, __base__=response, __doc__=response.__doc__, **fields)
