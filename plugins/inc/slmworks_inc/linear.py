"""What the static quantizers of Neural Compressor share: what they take, how linear layers become int8."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from slmworks.contract.stage import Task
from slmworks.quantize import Quantize
from slmworks_onnx.calibration import Calibration

if TYPE_CHECKING:
    from slmworks.model_tasks.text_classification.hf import HfClassifier


class LinearInt8(Calibration, Quantize):
    """A classifier's linear layers in int8, with scales fixed on training texts; written as ONNX."""

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "onnx"
    tasks: ClassVar = ("classification",)
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
        original: "HfClassifier",
        target: Path,
        texts: Sequence[str],
        task: Task,
        *,
        keep_fp32: Sequence[str] = (),
    ) -> dict[str, str]:
        """Calibrate with `texts` and write ONNX to `target`; gives module path -> name of its int8 weight."""
        from slmworks_inc.chain import quantize_to_onnx
        from slmworks_onnx.calibration import encoded_batches

        return quantize_to_onnx(
            original.module,
            target,
            batches=encoded_batches(original.tokenizer, texts, self.batch_size, task),
            observer=self.observer,
            keep_fp32=keep_fp32,
            max_length=original.max_length,
        )
