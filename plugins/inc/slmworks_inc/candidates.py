"""All mixtures of int8 and fp32 layers of one calibrated classifier, each as an ONNX folder that answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Candidates:
    """One calibrated graph, and what its layers were in fp32."""

    graph: Path
    """The ONNX file with every layer in int8."""
    names: Mapping[str, str]
    """Path of each linear layer -> name of its int8 weight, in the order of computation."""
    module: Any
    """The torch classifier that holds the fp32 weights."""
    folder: Path
    """Holds `tokenizer.json` and `labels.json`; `model.onnx` is written there to be asked."""
    threads: int

    def write(self, kept: Sequence[str], path: Path) -> None:
        """Write the graph with the layers `kept` in fp32."""
        import onnx
        from slmworks_inc.mixed import with_fp32

        weights = {
            self.names[layer]: self.module.get_submodule(layer).weight.detach().numpy() for layer in kept
        }
        onnx.save(with_fp32(onnx.load(self.graph), weights), path)

    def logits(self, kept: Sequence[str], texts: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Answer texts in ONNX Runtime with the layers `kept` in fp32; returns float32 [texts, labels]."""
        from slmworks.contract.runtime import Runtime
        from slmworks.model_tasks.text_classification.onnx import OnnxClassifier

        self.write(kept, self.folder / "model.onnx")
        return Runtime(OnnxClassifier(self.folder, self.threads)).predict(texts)

    def ranked(self, texts: Sequence[str], wanted: "np.ndarray[Any, Any]") -> list[str]:
        """The layers, those first that bring the logits nearest to `wanted` when they alone stay in fp32."""
        errors = {layer: float(((self.logits([layer], texts) - wanted) ** 2).mean()) for layer in self.names}
        return sorted(errors, key=errors.__getitem__)
