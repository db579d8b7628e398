"""All mixtures of int8 and fp32 layers of one calibrated network, each as an ONNX folder that can be run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Outputs, outputs_all

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Candidates:
    """One calibrated graph, and the fp32 weights of its layers."""

    graph: Path
    """The ONNX file with every layer in int8."""
    names: Mapping[str, str]
    """Path of each linear layer -> name of its int8 weight, in the order of computation."""
    module: Any
    """The torch network that holds the fp32 weights."""
    model: Model
    """An ONNX folder with the companions; each candidate is written there as `model.onnx`."""
    threads: int

    def write(self, kept: Sequence[str], path: Path) -> None:
        """Write the graph with the layers `kept` in fp32."""
        import onnx
        from slmworks_inc.mixed import with_fp32

        weights = {
            self.names[layer]: self.module.get_submodule(layer).weight.detach().numpy() for layer in kept
        }
        onnx.save(with_fp32(onnx.load(self.graph), weights), path)

    def open(self, kept: Sequence[str]) -> Outputs:
        """Load the candidate with the layers `kept` in fp32, as it would be served."""
        from slmworks_onnx.onnx_folder import open_outputs

        self.write(kept, self.model.path / "model.onnx")
        return open_outputs(self.model, threads=self.threads)

    def ranked(self, rows: Sequence[Row], wanted: "np.ndarray[Any, Any]") -> list[str]:
        """The layers, those first that bring the outputs nearest to `wanted` when they alone stay in fp32.

        `wanted`: float32 [rows, width]; nearness is the mean squared difference.
        """
        errors = {
            layer: float(((outputs_all(self.open([layer]), rows) - wanted) ** 2).mean())
            for layer in self.names
        }
        return sorted(errors, key=errors.__getitem__)
