"""What hand-written ONNX graphs over tables of token vectors share: inputs, first nodes and file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OPSET, IR = 23, 10
"""As the other exports have them."""


def weighted_tokens() -> list[Any]:
    """Nodes that look up `tokens` [batch, tokens, width] and their `weights`, 0 at padding.

    They read the constants `embeddings`, `token_weights` and `two`, and leave the mask as `real`; both it and
    the weights are [batch, tokens, 1].
    """
    from onnx import TensorProto, helper

    return [
        helper.make_node("Cast", ["attention_mask"], ["real_2d"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["real_2d", "two"], ["real"]),
        helper.make_node("Gather", ["embeddings", "input_ids"], ["tokens"]),
        helper.make_node("Gather", ["token_weights", "input_ids"], ["raw_weights"]),
        helper.make_node("Mul", ["raw_weights", "real"], ["weights"]),
    ]


def save(
    path: Path, name: str, nodes: Sequence[Any], constants: Mapping[str, Any], output: tuple[str, int]
) -> None:
    """Check the graph called `name` and write it as one ONNX file; batch and tokens may vary.

    `output` is the name and the width of its one output, float32 [batch, width].
    """
    from onnx import TensorProto, checker, helper, numpy_helper
    from onnx import save as save_model

    made, width = output
    axes = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        name,
        [
            helper.make_tensor_value_info(given, TensorProto.INT64, axes)
            for given in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info(made, TensorProto.FLOAT, ["batch", width])],
        [numpy_helper.from_array(value, constant) for constant, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    model.producer_name = "slmworks"
    checker.check_model(model, full_check=True)
    save_model(model, path)
