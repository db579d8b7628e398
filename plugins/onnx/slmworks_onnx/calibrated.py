"""Fixed scales for a graph's activations, by ONNX Runtime's `quantize_static`.

Outputs of multiplications stay in fp32 (the next operator computes there anyway), as do products of two
activations: what attention multiplies loses most in 8 bits.
"""

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def quantize_static(
    source: Path,
    target: Path,
    *,
    batches: Iterable[Mapping[str, "np.ndarray[Any, Any]"]],
    count: int,
    observer: str,
    operators: Sequence[str],
    per_channel: bool,
    reduce_range: bool,
) -> None:
    """Quantize the weights of `operators` and what they are multiplied with, calibrated.

    There are `count` batches; `observer` is `minmax`, `entropy` or `percentile`. Activations become
    uint8, weights int8.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization import quantize_static as quantize

    import onnx
    from slmworks.machine.quiet import quiet
    from slmworks_onnx.graph import stripped

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }
    names = [port.name for port in onnx.load(source).graph.input]
    # The histogram methods print.
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        quantize(
            source,
            target,
            _Reader(names, batches, count),
            op_types_to_quantize=list(operators),
            per_channel=per_channel,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=methods[observer],
            extra_options={
                "MatMulConstBOnly": True,
                # Batch by batch: texts of several lengths don't stack, and memory stays small.
                "CalibStridedMinMax": 1,
                "OpTypesToExcludeOutputQuantization": list(operators),
            },
        )
    onnx.save(stripped(_fp32_elsewhere(onnx.load(target), operators)), target)


def _fp32_elsewhere(model: Any, operators: Sequence[str]) -> Any:
    """Let every other operator (residual additions) read what was there before it was rounded to 8 bits."""
    rounded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    restored = {
        node.output[0]: rounded[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded
    }
    for node in model.graph.node:
        if node.op_type not in operators:
            for place, name in enumerate(node.input):
                node.input[place] = restored.get(name, name)
    return model


class _Reader:
    """Hands out batches in the way ONNX Runtime asks for them: `set_range` says how many come next."""

    def __init__(
        self, names: Sequence[str], batches: Iterable[Mapping[str, "np.ndarray[Any, Any]"]], count: int
    ) -> None:
        self._names, self._batches, self._count, self._due = names, iter(batches), count, 0

    def __len__(self) -> int:
        return self._count

    def set_range(self, start_index: int, end_index: int) -> None:
        self._due = end_index - start_index

    def get_next(self) -> dict[str, "np.ndarray[Any, Any]"] | None:
        if not self._due:
            return None
        self._due -= 1
        batch = next(self._batches)
        return {name: batch[name] for name in self._names}
