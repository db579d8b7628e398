"""Write a torch network as ONNX and compare the outputs of both."""

from typing import Annotated, ClassVar

from pydantic import Field, PositiveFloat

from slmworks.contract.artifact import Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.export import Export
from slmworks_onnx.graph import OPSET


class ExportOnnx(Export):
    """Write a model for ONNX Runtime, any batch and any length, checked against torch."""

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "onnx"
    runs_models: ClassVar = True
    max_threads: ClassVar = 1
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "onnx", "onnxscript")

    opset: Annotated[int, Field(ge=18, le=23)] = OPSET
    """ONNX operator set; 23 has Attention as one operator, older ones run on older runtimes."""
    tolerance: PositiveFloat = 1e-4
    """Largest difference of any output (logit, …) from torch that is accepted."""

    def run(self, *, model: Model, task: Task, **_: object) -> Model:
        """Export, compare at several batch and length shapes, and report the largest difference."""
        from slmworks_onnx import onnx_folder, trial
        from slmworks_onnx.parity import largest_difference

        network = onnx_folder.open_network(model, threads=task.threads)
        task.progress(0, 2, unit="parts", note="export")
        path = onnx_folder.export(network, model, task.output, opset=self.opset)
        task.progress(1, 2, unit="parts", note="compare with torch")
        trial.require_answers(model, task.output, threads=task.threads)
        difference = largest_difference(network, path, threads=task.threads, seed=task.seed)
        # Written so that a NaN fails too.
        if not difference <= self.tolerance:
            raise TaskFailed(
                f"export: the ONNX file's {network.output} output differs from torch's by {difference:.2g}, "
                f"more than the tolerance {self.tolerance:.2g}; try another opset, or raise `tolerance`."
            )
        task.progress(2, 2, unit="parts")
        return Model(
            path=task.output,
            format="onnx",
            meta=onnx_folder.carry_meta(model),
            summary={"bytes": path.stat().st_size, "difference": difference},
        )
