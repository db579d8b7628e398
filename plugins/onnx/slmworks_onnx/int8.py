"""Store a graph's weights in 8 bits with ONNX Runtime, and count what really became 8 bits.

Quantizers skip what they don't recognise without a word, so nothing here is trusted uncounted.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmworks.contract.errors import TaskFailed

EMBEDDINGS = ("Gather",)
"""Operators that look rows up in a table."""
LINEAR = ("MatMul", "Gemm")
"""Operators that multiply with a weight."""


def quantize_weights(
    source: Path,
    target: Path,
    *,
    operators: Sequence[str],
    scratch: Path,
    unsigned: bool = False,
    per_channel: bool = False,
    reduce_range: bool = False,
) -> None:
    """Quantize the constant inputs of `operators` in `source`; activations are measured while it runs.

    Method: `quantize_dynamic` of ONNX Runtime. It writes beside its input, so it works in `scratch`.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    import onnx
    from slmworks.machine.quiet import quiet
    from slmworks_onnx.graph import stripped

    folder = scratch / "quantize-weights"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / "fp32.onnx")
    with quiet():
        quantize_dynamic(
            folder / "fp32.onnx",
            folder / "int8.onnx",
            op_types_to_quantize=list(operators),
            weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
            per_channel=per_channel,
            reduce_range=reduce_range,
            extra_options={"MatMulConstBOnly": True},
        )
        onnx.save(stripped(onnx.load(folder / "int8.onnx")), target)
    shutil.rmtree(folder)


def place_linear(linear: Path, target: Path, *, embeddings: bool, scratch: Path) -> None:
    """Move a graph with int8 multiplications to `target`, its embedding tables stored in 8 bits if wanted."""
    if embeddings:
        quantize_weights(linear, target, operators=EMBEDDINGS, scratch=scratch)
        linear.unlink()
    else:
        shutil.move(linear, target)


def count_weights(path: Path) -> tuple[int, int]:
    """Count the weights of an ONNX file: (those stored in 8 bits, those stored as floating point).

    Zero points have no more than one axis and are not counted.
    """
    import onnx

    tensors = onnx.load(path).graph.initializer
    eight = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    floating = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    int8 = sum(_elements(tensor) for tensor in tensors if tensor.data_type in eight and len(tensor.dims) > 1)
    return int8, sum(_elements(tensor) for tensor in tensors if tensor.data_type in floating)


def shares(path: Path, parameters: int) -> dict[str, float]:
    """The share of parameters that `path` stores in 8 bits, as artifacts say it; TaskFailed for none."""
    int8, _ = count_weights(path)
    if not int8:
        raise TaskFailed(
            "quantize: no weight was stored in 8 bits, so the model would ship unchanged under another name; "
            "its operators are not known to the quantizer. Ship the exported model instead."
        )
    return {"weights_quantized_share": round(min(1.0, int8 / parameters), 4)}


def _elements(tensor: Any) -> int:
    import math

    return math.prod(tensor.dims)
