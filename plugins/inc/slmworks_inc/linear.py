"""Shared by the static quantizers of Neural Compressor: traits, options, and the conversion to ONNX."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Network
from slmworks.contract.stage import Task
from slmworks.quantize import Quantize
from slmworks_onnx.calibration import Calibration


class LinearInt8(Calibration, Quantize):
    """A network's linear layers in int8, with scales fixed on training texts; written as ONNX."""

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "onnx"
    runs_models: ClassVar = True
    max_threads: ClassVar = 1
    needs: ClassVar = frozenset({"calibration"})
    depends_on: ClassVar = (
        "neural-compressor",
        "slmworks-onnx",
        "torchao",
        "torch",
        "transformers",
        "onnx",
        "onnxscript",
        "onnxruntime",
    )

    observer: Literal["minmax", "kl"] = "minmax"
    """How scales follow from activations: a moving minimum and maximum, or the histogram that loses least."""

    def quantize_linear(
        self,
        original: Network,
        target: Path,
        rows: Sequence[Row],
        task: Task,
        *,
        keep_fp32: Sequence[str] = (),
    ) -> dict[str, str]:
        """Calibrate with `rows`, write ONNX to `target`; returns module path -> name of its int8 weight."""
        from slmworks_inc.chain import quantize_to_onnx
        from slmworks_onnx.calibration import encoded_batches

        return quantize_to_onnx(
            original.graph(),
            target,
            output=original.output,
            batches=encoded_batches(original.tokenizer, rows, self.batch_size, task),
            observer=self.observer,
            keep_fp32=keep_fp32,
            max_length=original.max_length,
        )
