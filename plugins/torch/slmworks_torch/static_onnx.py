"""A table of token vectors as `model.onnx`: the graph is small enough to be written by hand."""

from pathlib import Path
from typing import Any

from slmworks.model_tasks.feature_extraction.hf import TINY, HfEmbedder
from slmworks_torch.bag_onnx import IR, OPSET


def write(net: Any, path: Path) -> None:
    """Write a trained `static_network.table` as one ONNX file; batch and tokens may vary."""
    import numpy as np

    from onnx import TensorProto, checker, helper, numpy_helper, save

    vectors, weights = (part.weight.detach().cpu().numpy() for part in (net.embeddings, net.weights))
    constants = {
        "embeddings": vectors,
        "token_weights": np.exp(weights),
        "tiny": np.array(TINY, np.float32),
        "one": np.array([1]),
        "two": np.array([2]),
    }
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["real_2d"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["real_2d", "two"], ["real"]),
        helper.make_node("Gather", ["embeddings", "input_ids"], ["tokens"]),
        helper.make_node("Gather", ["token_weights", "input_ids"], ["raw_weights"]),
        helper.make_node("Mul", ["raw_weights", "real"], ["weights"]),
        helper.make_node("Mul", ["tokens", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "one"], ["sum"], keepdims=0),
        helper.make_node("ReduceL2", ["sum", "one"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], [HfEmbedder.output]),
    ]
    axes = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        "static-embeddings",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, axes)
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info(HfEmbedder.output, TensorProto.FLOAT, ["batch", vectors.shape[1]])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    model.producer_name = "slmworks"
    checker.check_model(model, full_check=True)
    save(model, path)
