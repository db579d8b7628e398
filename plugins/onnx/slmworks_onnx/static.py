"""int8 weights and activations with scales fixed on training texts, all in ONNX Runtime: no torch needed.

Only multiplications by a weight are quantized. Quantizing every operator that ONNX Runtime knows (softmax,
additions, layer norms) made a MiniLM classifier useless: accuracy .16 instead of .89.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize
from slmworks_onnx.calibration import Calibration

if TYPE_CHECKING:
    import numpy as np

Method = Literal["minmax", "entropy", "percentile"]


class OnnxStatic(Calibration, Quantize):
    """Fix int8 scales by running training texts through the graph (ONNX Runtime `quantize_static`).

    Method: post-training static quantization (Jacob et al., 2018); entropy and percentile choose scales as
    in Migacz, "8-bit Inference with TensorRT" (2017), and Wu et al. (2020). Not marked deterministic: the
    scales follow from floating-point activations, whose last bits depend on the processor.
    """

    accepts: ClassVar = {"model": ("hf", "onnx")}
    produces: ClassVar = "onnx"
    runs_models: ClassVar = True
    max_threads: ClassVar = 1
    reads: ClassVar = {"calibration": ("train",)}
    needs: ClassVar = frozenset({"calibration"})
    depends_on: ClassVar = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime", "tokenizers")

    observer: Method = "minmax"
    """How scales follow from activations: extremes, or a histogram that is cut (entropy, percentile) and
    cares less for rare outliers."""
    per_channel: bool = True
    """One scale for each output of a layer instead of one for the whole layer: more exact, as fast."""
    reduce_range: bool = True
    """Use 7 of the 8 bits of weights: more exact on processors without VNNI, where 8-bit sums overflow."""
    operators: Annotated[tuple[Literal["MatMul", "Gemm"], ...], Field(min_length=1)] = ("MatMul", "Gemm")
    """Multiplications that are computed in 8 bits, where one factor is a weight."""
    agreement: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Smallest mean agreement with the original's answers to the calibration texts, as the model task defines
    it (for a classifier: the share of texts that keep their label); less means that it went wrong."""

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Export where needed, calibrate, quantize, and compare with the original on the texts."""
        from slmworks.model_tasks.onnx_text import open_tokenizer
        from slmworks_onnx import onnx_folder, trial
        from slmworks_onnx.calibration import calibration_rows, encoded_batches
        from slmworks_onnx.int8 import count_weights, shares

        meta, purpose = onnx_folder.carry_meta(model), onnx_folder.model_task_of(model)
        rows = calibration_rows(calibration, purpose, self.rows, task.seed, plugin="onnx-static")
        task.progress(0, len(rows), note="export")
        source = onnx_folder.as_onnx(model, task.scratch, threads=task.threads)
        trial.require_answers(model, source.parent, threads=task.threads)
        already, parameters = count_weights(source)
        if already:
            raise BadRequest("the model is quantized already; give onnx-static the step before that one.")
        tokenizer = open_tokenizer(model.path, int(model.meta["max_length"]))
        target = task.output / "model.onnx"
        batches = encoded_batches(tokenizer, rows, self.batch_size, task)
        self._quantize(source, target, task.scratch, batches, math.ceil(len(rows) / self.batch_size))
        onnx_folder.write_companions(model, task.output)
        trial.require_answers(model, task.output, threads=task.threads)
        share = shares(target, parameters)
        task.progress(len(rows), len(rows), note="compare")
        quantized = {"method": "onnxruntime-static", **share}
        return Model(
            path=task.output,
            format="onnx",
            meta={**meta, "quantized": quantized},
            summary={
                "bytes": target.stat().st_size,
                **share,
                "calibration_rows": len(rows),
                "agreement": self._compare(onnx_folder.in_folder(model, source.parent), rows, task),
            },
        )

    def _quantize(
        self,
        source: Path,
        target: Path,
        scratch: Path,
        batches: Iterable[dict[str, "np.ndarray[Any, Any]"]],
        count: int,
    ) -> None:
        from slmworks_onnx.calibrated import quantize_static
        from slmworks_onnx.int8 import place_linear

        linear = scratch / "linear.onnx"
        quantize_static(
            source,
            linear,
            batches=batches,
            count=count,
            observer=self.observer,
            operators=self.operators,
            per_channel=self.per_channel,
            reduce_range=self.reduce_range,
        )
        place_linear(linear, target, embeddings=self.embeddings, scratch=scratch)

    def _compare(self, original: Model, rows: Sequence[Row], task: Task) -> float:
        from slmworks.contract.runtime import open_runtime
        from slmworks_onnx import onnx_folder
        from slmworks_onnx.calibration import mean_agreement

        return mean_agreement(
            onnx_folder.model_task_of(original),
            open_runtime(original, threads=task.threads),
            open_runtime(onnx_folder.in_folder(original, task.output), threads=task.threads),
            rows,
            least=self.agreement,
            otherwise="calibrate with more `rows` or another `observer`",
        )
