"""int8 weights and activations with fixed scales: Neural Compressor decides them, ONNX Runtime computes.

Neural Compressor's own file is as large as the fp32 one and slower in torch, so what ships is ONNX.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Network
from slmworks.contract.stage import Task
from slmworks_inc import layers
from slmworks_inc.linear import LinearInt8


class IncStatic(LinearInt8):
    """Fix int8 scales by running training texts through the model (Intel Neural Compressor, static).

    Method: post-training static quantization, one scale an output channel for weights and one a tensor
    for activations (Jacob et al., 2018). Not marked deterministic: the scales are extremes of floating-point
    activations, whose last bits depend on the processor.
    """

    reads: ClassVar = {"calibration": ("train",)}

    keep_fp32: tuple[str, ...] = ()
    """Paths of modules that stay in fp32, with all below them: `bert.encoder.layer.0`, `classifier`."""
    agreement: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Smallest mean agreement with the original's answers to the calibration texts, as the model task defines
    it (for a classifier: the share of texts that keep their label); less means that it went wrong."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Calibrate, convert, write ONNX, and compare with the original on the calibration texts."""
        from slmworks_onnx import onnx_folder, trial
        from slmworks_onnx.calibration import calibration_rows
        from slmworks_onnx.int8 import shares

        purpose = onnx_folder.model_task_of(model)
        rows = calibration_rows(calibration, purpose, self.rows, task.seed, plugin="inc-static")
        task.progress(0, len(rows), note="load")
        original = onnx_folder.open_network(model, threads=task.threads)
        layers.below(original.module, self.keep_fp32, option="keep_fp32")
        self._quantize(original, rows, model, task)
        trial.require_answers(model, task.output, threads=task.threads)
        target = task.output / "model.onnx"
        share = shares(target, sum(part.numel() for part in original.module.parameters()))
        task.progress(len(rows), len(rows), note="compare")
        return Model(
            path=task.output,
            format="onnx",
            meta={
                **onnx_folder.carry_meta(model),
                "quantized": {"method": "neural-compressor-static", **share},
            },
            summary={
                "bytes": target.stat().st_size,
                **share,
                "calibration_rows": len(rows),
                "agreement": self._compare(original, model, rows, task),
            },
        )

    def _quantize(self, original: Network, rows: Sequence[Row], model: Model, task: Task) -> None:
        from slmworks_onnx.int8 import place_linear
        from slmworks_onnx.onnx_folder import write_companions

        linear = task.scratch / "linear.onnx"
        self.quantize_linear(original, linear, rows, task, keep_fp32=self.keep_fp32)
        place_linear(linear, task.output / "model.onnx", embeddings=self.embeddings, scratch=task.scratch)
        write_companions(model, task.output)

    def _compare(self, original: Network, model: Model, rows: Sequence[Row], task: Task) -> float:
        from slmworks.contract.runtime import open_runtime
        from slmworks_onnx import onnx_folder
        from slmworks_onnx.calibration import mean_agreement

        return mean_agreement(
            onnx_folder.model_task_of(model),
            original,
            open_runtime(onnx_folder.in_folder(model, task.output), threads=task.threads),
            rows,
            least=self.agreement,
            otherwise="keep some layers in fp32 (`keep_fp32`), calibrate with more `rows`",
        )
