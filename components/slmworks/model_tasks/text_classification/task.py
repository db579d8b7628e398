"""The model task `text-classification`: one label a text."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Details, LeftOut, ModelTask, Row, Trivial, share
from slmworks.contract.runtime import Outputs, Runtime
from slmworks.contract.scope import Scope
from slmworks.contract.truncation import Truncation
from slmworks.model_tasks.text_classification.labels import HEADER, companions, labels_of
from slmworks.model_tasks.text_classification.scope import SCOPE_SCORES, scope_scores
from slmworks.model_tasks.truncation import of_model

if TYPE_CHECKING:
    import numpy as np


class Label(Documented):
    """The label of one text."""

    label: str
    """The most probable label."""
    score: float
    """Probability of the label, 0 to 1."""
    scores: dict[str, float]
    """Probability of every label; they add up to 1."""


def _right(row: Row, answer: Answer) -> tuple[float, ...]:
    return (float(answer["label"] == row["label"]), 1.0)


class TextClassification(ModelTask):
    """One label a text; accuracy decides."""

    name: ClassVar[str] = "text-classification"
    header: ClassVar[str] = HEADER
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    targets: ClassVar[tuple[str, ...]] = ("label",)
    shared_meta: ClassVar[tuple[str, ...]] = ("labels",)
    classes: ClassVar[bool] = True
    carried_meta: ClassVar[tuple[str, ...]] = ("labels", "max_length", "parameters")
    measures: ClassVar = (share("accuracy", "accuracy", _right),)
    noun: ClassVar[str] = "label"
    titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro-F1", "ece": "calibration error"}
    scope_scores: ClassVar[tuple[str, ...]] = SCOPE_SCORES
    scope_temperature: ClassVar[bool] = True

    route: ClassVar[str] = "classify"
    verb: ClassVar[str] = "Classify"
    response: ClassVar[type[BaseModel]] = Label
    example: ClassVar[Row] = {"text": "I would buy this again without thinking twice."}

    def check(self, data: Dataset, split: str, rows: Sequence[Row]) -> None:
        """BadRequest for a label that the data doesn't list."""
        labels = labels_of(data)
        strange = sorted({str(row["label"]) for row in rows} - set(labels))
        if strange:
            raise BadRequest(
                f"the data's split '{split}' has the label '{strange[0]}', which is not among its labels "
                f"({', '.join(labels)}); curate it again."
            )

    def stratum(self, row: Row) -> tuple[str, ...]:
        """Splits hold the same share of every label."""
        return (str(row["label"]),)

    def slices(self, row: Row) -> Mapping[str, str]:
        """By source and by true label."""
        return {**super().slices(row), "label": str(row["label"])}

    def trivial(self, data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
        """The majority label, and a linear model on words."""
        from slmworks.model_tasks.text_classification import trivial

        return trivial.fit(data, seed=seed)

    def details(
        self, rows: Sequence[Row], answers: Sequence[Answer], model: Model, *, resamples: int, seed: int
    ) -> Details:
        """Macro-F1, each class, the confusion matrix, and calibration where probabilities are given."""
        from slmworks.model_tasks.text_classification import measures
        from slmworks.model_tasks.text_classification.calibration import calibration

        labels = labels_of(model)
        truth, said = (_places(labels, found) for found in (rows, answers))
        counts = measures.confusion(truth, said, len(labels))
        content: dict[str, Any] = {
            "classes": measures.classes(counts, labels),
            "confusion": {"labels": labels, "matrix": counts.tolist()},
        }
        limits = {}
        if all("scores" in answer for answer in answers):
            content["calibration"] = calibration(_probabilities(labels, answers), truth)
            limits["ece"] = content["calibration"]["ece"]
        f1 = measures.macro_f1_interval(counts, resamples=resamples, seed=seed)
        return Details(measures={"macro_f1": f1}, limits=limits, content=content)

    def truncation(self, rows: Sequence[Row], model: Model) -> Truncation:
        """Texts and tokens beyond the model's `max_length`."""
        return of_model(model, [row["text"] for row in rows])

    def agreement(self, wanted: Answer, found: Answer) -> float:
        """1 for the same label."""
        return float(wanted["label"] == found["label"])

    def confidence(self, answer: Answer) -> float | None:
        """The label's probability."""
        return float(answer["score"]) if "score" in answer else None

    def brief(self, answer: Answer) -> str:
        """The label."""
        return str(answer["label"])

    def sections(self, candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Sequence[str]:
        """Classes, and how far probabilities can be believed."""
        from slmworks.model_tasks.text_classification import page, reliability

        return (
            page.classes(candidate, teacher),
            page.confusion(candidate),
            reliability.calibration(candidate, teacher),
        )

    def headline(self, limits: Mapping[str, float]) -> str:
        """The calibration error."""
        from slmworks.numbers import figures

        return f"Calibration error (15 bins): {figures.score(limits['ece'])}." if "ece" in limits else ""

    def companions(self, model: Model) -> Mapping[str, str]:
        """`labels.json`."""
        return companions(labels_of(model), int(model.meta["max_length"]))

    def scope_scores_of(self, model: Model) -> tuple[str, ...]:
        """All."""
        return self.scope_scores

    def scope_outputs(
        self, runtime: Runtime
    ) -> "Callable[[Sequence[Row]], Sequence[np.ndarray[Any, Any]]] | None":
        """Logits."""
        return (lambda rows: list(runtime.outputs(rows))) if isinstance(runtime, Outputs) else None

    def scope_score(
        self, outputs: "np.ndarray[Any, Any]", score: str, temperature: float
    ) -> "np.ndarray[Any, Any]":
        """Of logits [rows, labels]."""
        return scope_scores(outputs, score, temperature)

    def fitted_temperature(self, outputs: "np.ndarray[Any, Any]", rows: Sequence[Row], model: Model) -> float:
        """By temperature scaling of the logits [rows, labels]."""
        from slmworks.model_tasks.text_classification import temperature

        return temperature.fitted(outputs, _places(labels_of(model), rows))

    def scope_files(self, model: Model, scope: Scope) -> Mapping[str, str]:
        """`labels.json` with the threshold, for a folder that has the file."""
        files = companions(labels_of(model), int(model.meta["max_length"]), scope.model_dump())
        return {name: text for name, text in files.items() if (model.path / name).is_file()}

    def counted(self, answer: Answer) -> str:
        """The label."""
        return str(answer["label"])


def _places(labels: Sequence[str], found: Sequence[Mapping[str, Any]]) -> "np.ndarray[Any, Any]":
    import numpy as np

    place = {label: number for number, label in enumerate(labels)}
    return np.array([place[str(one["label"])] for one in found])


def _probabilities(labels: Sequence[str], answers: Sequence[Answer]) -> "np.ndarray[Any, Any]":
    import numpy as np

    return np.array([[answer["scores"][label] for label in labels] for answer in answers], np.float32)
