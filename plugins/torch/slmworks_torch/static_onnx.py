"""A table of token vectors as `model.onnx`: the graph is small enough to be written by hand."""

from pathlib import Path
from typing import Any

from slmworks.model_tasks.feature_extraction.hf import TINY, HfEmbedder
from slmworks_torch import table_onnx


def write(net: Any, path: Path) -> None:
    """Write a trained `static_network.table` as one ONNX file; batch and tokens may vary."""
    import numpy as np

    from onnx import helper

    vectors, weights = (part.weight.detach().cpu().numpy() for part in (net.embeddings, net.weights))
    constants = {
        "embeddings": vectors,
        "token_weights": np.exp(weights),
        "tiny": np.array(TINY, np.float32),
        "one": np.array([1]),
        "two": np.array([2]),
    }
    nodes = [
        *table_onnx.weighted_tokens(),
        helper.make_node("Mul", ["tokens", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "one"], ["sum"], keepdims=0),
        helper.make_node("ReduceL2", ["sum", "one"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], [HfEmbedder.output]),
    ]
    output = HfEmbedder.output, int(vectors.shape[1])
    table_onnx.save(path, "static-embeddings", nodes, constants, output)
