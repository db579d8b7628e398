"""A release in memory: its identity, its classifier, and the first slow call behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from slmworks.registry.release import EXAMPLE, Approved

if TYPE_CHECKING:
    from slmworks.model_tasks.text_classification.onnx import OnnxClassifier


@dataclass(frozen=True)
class Served:
    """Which release this is, for every answer and for those who ask `/ready`."""

    name: str
    version: int
    model_digest: str
    wrapper_digest: str

    @classmethod
    def of(cls, approved: Approved) -> Self:
        """The identity that was approved."""
        entry = approved.entry
        return cls(entry.name, entry.version, entry.model_digest, entry.wrapper_digest)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A release that can answer, from any thread."""

    served: Served
    classifier: "OnnxClassifier"
    batch: int = 32
    """Texts that are worth computing together; see `pace`."""

    def classify(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Answer all texts as one batch."""
        return self.classifier.classify(texts, len(texts))


def load(folder: Path, served: Served) -> Loaded:
    """Load the release in `folder`. It computes a batch on one thread: the server runs several at once."""
    from slmworks.model_tasks.text_classification.onnx import OnnxClassifier

    loaded = Loaded(served, OnnxClassifier(folder / "model", 1))
    loaded.classify([EXAMPLE])  # the first call is slow; nobody should wait for it
    return loaded
