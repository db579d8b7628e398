"""Put chosen layers of an int8 graph back into fp32, as if they had never been quantized.

Neural Compressor measures every layer on the fp32 model, so scales don't depend on which layers are kept:
one calibration and one export serve any mixture. Building a mixture anew takes a minute, this milliseconds.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def with_fp32(model: Any, weights: Mapping[str, "np.ndarray[Any, Any]"]) -> Any:
    """Replace int8 weights in a ModelProto, in place, and multiply them with unrounded data; returns it.

    `weights`: name of the int8 weight -> the fp32 one, [out, in]. KeyError names those that aren't there.
    """
    graph = model.graph
    missing = dict(weights)
    for node in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        if node.input[0] in weights:
            _restore(graph, node, missing.pop(node.input[0]))
    if missing:
        raise KeyError(*missing)
    _drop_unread(graph)
    return model


def _restore(graph: Any, dequantize: Any, weight: "np.ndarray[Any, Any]") -> None:
    import numpy as np

    from onnx import numpy_helper

    # Scales lie along the outputs: the first axis, or the second where the weight was turned for MatMul.
    (axis,) = (attribute.i for attribute in dequantize.attribute if attribute.name == "axis")
    stored = weight if axis == 0 else np.ascontiguousarray(weight.T)
    name = dequantize.output[0]
    graph.node.remove(dequantize)
    graph.initializer.append(numpy_helper.from_array(stored, name))
    makers = {output: node for node in graph.node for output in node.output}
    for multiply in _readers(graph, name):
        data = makers.get(multiply.input[0])
        if data is not None and data.op_type == "DequantizeLinear":
            multiply.input[0] = makers[data.input[0]].input[0]


def _readers(graph: Any, name: str) -> list[Any]:
    """The multiplications that read a weight, as it is or turned."""
    found = []
    for node in [node for node in graph.node if name in node.input]:
        found += _readers(graph, node.output[0]) if node.op_type == "Transpose" else [node]
    return found


def _drop_unread(graph: Any) -> None:
    outputs = {port.name for port in graph.output}
    while True:
        read = outputs | {name for node in graph.node for name in node.input}
        unread = [node for node in graph.node if not read & set(node.output)]
        if not unread:
            break
        for node in unread:
            graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
