"""A text classifier in a Hugging Face folder, computed by torch."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from slmworks.contract.artifact import Model
from slmworks.contract.scope import META
from slmworks.model_tasks.hf_text import HfTexts, logits_graph
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks.model_tasks.text_classification.onnx import answers


class HfClassifier(HfTexts):
    """Answers as the ONNX runtime does, from `AutoModelForSequenceClassification`."""

    head: ClassVar[str] = "AutoModelForSequenceClassification"
    output: ClassVar[str] = "logits"

    labels: list[str]
    """The labels, in the order of the logits."""
    scope: Mapping[str, Any] | None = None
    """As `OnnxClassifier` has it."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "HfClassifier":
        """Load a Model artifact."""
        opened = cls(model.path, int(model.meta["max_length"]), threads)
        opened.labels, opened.scope = labels_of(model), model.meta.get(META)
        return opened

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"label", "score", "scores": {label: probability}}` for each row of one batch."""
        return answers(self.outputs(rows), self.labels, self.scope)

    def graph(self) -> Any:
        """`(input_ids, attention_mask) -> logits [batch, labels]`; the classifier becomes its `model`."""
        return logits_graph(self.module)
