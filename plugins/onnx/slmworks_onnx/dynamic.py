"""int8 weights, activations measured on the fly: no calibration data, works on any ONNX model."""

from typing import ClassVar, Literal

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize


class OnnxDynamic(Quantize):
    """Store weights in 8 bits and scale activations as they come (ONNX Runtime `quantize_dynamic`)."""

    accepts: ClassVar = {"model": ("hf", "onnx")}
    produces: ClassVar = "onnx"
    runs_models: ClassVar = True
    max_threads: ClassVar = 1
    ignores: ClassVar = frozenset({"calibration"})
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")

    weights: Literal["int8", "uint8"] = "int8"
    """Type of the stored weights; uint8 avoids overflow on processors with AVX2 only, and is slower."""
    per_channel: bool = True
    """One scale for each output of a layer instead of one for the whole layer: more exact, as fast."""
    reduce_range: bool = False
    """Use 7 of the 8 bits: more exact on processors without VNNI, where 8-bit sums can overflow."""
    embeddings: bool = True
    """Store the embedding tables in 8 bits too: most of a small model's bytes are there."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Export to ONNX where needed, quantize, and count the share of the parameters in 8 bits."""
        from slmworks_onnx import onnx_folder, trial
        from slmworks_onnx.int8 import EMBEDDINGS, LINEAR, count_weights, quantize_weights, shares

        meta = onnx_folder.carry_meta(model)
        task.progress(0, 2, unit="parts", note="export")
        source = onnx_folder.as_onnx(model, task.scratch, threads=task.threads)
        already, parameters = count_weights(source)
        if already:
            raise BadRequest("the model is quantized already; give onnx-dynamic the step before that one.")
        task.progress(1, 2, unit="parts", note="quantize")
        target = task.output / "model.onnx"
        quantize_weights(
            source,
            target,
            operators=(*LINEAR, *EMBEDDINGS) if self.embeddings else LINEAR,
            scratch=task.scratch,
            unsigned=self.weights == "uint8",
            per_channel=self.per_channel,
            reduce_range=self.reduce_range,
        )
        share = shares(target, parameters)
        onnx_folder.write_companions(model, task.output)
        trial.require_answers(model, task.output, threads=task.threads)
        task.progress(2, 2, unit="parts")
        quantized = {"method": "onnxruntime-dynamic", **share}
        return Model(
            path=task.output,
            format="onnx",
            meta={**meta, "quantized": quantized},
            summary={"bytes": target.stat().st_size, **share},
        )
