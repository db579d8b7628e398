"""Runtimes: load a model's folder and predict, the same way for evaluation, serving and releases.

What is measured is what ships, so nobody else opens a `model.onnx`. One classifier a shipped format;
a runtime is deliberately not a place for business rules such as thresholds or abstaining.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Classifier", "Runtime", "open_runtime"]


class Classifier(Protocol):
    """What a format's loader gives."""

    labels: list[str]
    """The labels, in the order of the logits."""
    max_length: int
    """Tokens after which a text is cut."""

    def logits(self, texts: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Compute all texts as one batch; returns float32 [texts, labels]."""


@dataclass(frozen=True)
class Runtime:
    """A loaded classifier and how to call it."""

    classifier: Classifier

    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the logits."""
        return self.classifier.labels

    @property
    def max_length(self) -> int:
        """Tokens after which a text is cut, special tokens included."""
        return self.classifier.max_length

    def logits(self, texts: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Compute all texts as one batch, as the caller composed it; returns float32 [texts, labels]."""
        return self.classifier.logits(texts)

    def predict(self, texts: Sequence[str], batch_size: int = 32) -> "np.ndarray[Any, Any]":
        """Compute any number of texts, those of similar length together.

        Returns float32 logits [texts, labels] in the order of `texts`.
        """
        from slmworks.model_tasks.text_classification.onnx import in_batches

        return in_batches(self.logits, texts, batch_size, len(self.labels))


def open_runtime(model: Model, *, threads: int) -> Runtime:
    """Load a classifier to compute with `threads` threads.

    Raises BadRequest for a model that is no classifier, an unknown format or a missing library.
    """
    if model.task != "classification":
        what = f"a model for '{model.task}'" if model.task else "a model without a task"
        raise BadRequest(f"{what} cannot classify; fine-tune it as a classifier first.")
    if model.format not in _OPENERS:
        known = ", ".join(sorted(_OPENERS))
        raise BadRequest(
            f"no runtime loads models of format '{model.format}' (known: {known}); export the model first."
        )
    opener, extra = _OPENERS[model.format]
    try:
        return Runtime(opener(model, threads))
    except ModuleNotFoundError as error:
        raise BadRequest(
            f"running a model of format '{model.format}' needs {error.name}: pip install '{extra}'"
        ) from error


def _open_onnx(model: Model, threads: int) -> Classifier:
    from slmworks.model_tasks.text_classification.onnx import OnnxClassifier

    return OnnxClassifier(model.path, threads)


def _open_hf(model: Model, threads: int) -> Classifier:
    from slmworks.model_tasks.text_classification.hf import HfClassifier

    return HfClassifier(model.path, model.labels, int(model.meta["max_length"]), threads)


_OPENERS: Mapping[str, tuple[Callable[[Model, int], Classifier], str]] = {
    "hf": (_open_hf, "slmworks-torch[run]"),
    "onnx": (_open_onnx, "slmworks[run]"),
}
"""Format -> how to open it, and what to install for it."""
