"""A bag of embeddings as `model.onnx`: the graph is small enough to be written by hand.

Inputs and output are those of every other classifier here, so it is served, measured and quantized like them.
"""

from pathlib import Path
from typing import Any

from slmworks_torch import table_onnx

LEFT = 31337
"""A pair of tokens (a, b) has the row (LEFT · a + b) modulo the rows of its table."""
TINY = 1e-6
"""Least sum of weights that is divided by: a text may have no pair."""


def write(net: Any, path: Path) -> None:
    """Write a trained `bag.network` as one ONNX file; batch and tokens may vary."""
    import numpy as np

    from onnx import helper

    weights = {name: weight.detach().cpu().numpy() for name, weight in net.named_parameters()}
    constants = {
        "embeddings": weights["embeddings.weight"],
        "token_weights": np.exp(weights["weights.weight"]),
        "norm": weights["norm.weight"],
        "norm_bias": weights["norm.bias"],
        "hidden": np.ascontiguousarray(weights["hidden.weight"].T),
        "hidden_bias": weights["hidden.bias"],
        "head": np.ascontiguousarray(weights["head.weight"].T),
        "head_bias": weights["head.bias"],
        "tiny": np.array(TINY, np.float32),
        **{name: np.array([number]) for name, number in (("zero", 0), ("one", 1), ("two", 2), ("last", -1))},
    }
    nodes = [
        *table_onnx.weighted_tokens(),
        *_mean("tokens", "weights", "token_mean"),
    ]
    found = "token_mean"
    if "pairs.weight" in weights:
        constants["pairs"] = weights["pairs.weight"]
        constants |= {"left": np.array(LEFT), "rows": np.array(len(weights["pairs.weight"]))}
        constants["end"] = np.array([np.iinfo(np.int64).max])
        nodes += [*pairs_of(helper), *_mean("pair_vectors", "pair_real", "pair_mean")]
        nodes.append(helper.make_node("Concat", ["token_mean", "pair_mean"], ["means"], axis=1))
        found = "means"
    normal = {"axis": -1, "epsilon": net.norm.eps}
    nodes.append(helper.make_node("LayerNormalization", [found, "norm", "norm_bias"], ["normed"], **normal))
    for name, given, made in (("hidden", "normed", "inner"), ("head", "active", "logits")):
        nodes.append(helper.make_node("MatMul", [given, name], [f"{name}_product"]))
        nodes.append(helper.make_node("Add", [f"{name}_product", f"{name}_bias"], [made]))
        if name == "hidden":
            nodes.append(helper.make_node("Gelu", ["inner"], ["active"]))
    output = "logits", int(net.head.out_features)
    table_onnx.save(path, "bag-of-embeddings", nodes, constants, output)


def _mean(vectors: str, weights: str, made: str) -> list[Any]:
    """Nodes of a weighted mean over the tokens."""
    from onnx import helper

    return [
        helper.make_node("Mul", [vectors, weights], [f"{made}_weighted"]),
        helper.make_node("ReduceSum", [f"{made}_weighted", "one"], [f"{made}_sum"], keepdims=0),
        helper.make_node("ReduceSum", [weights, "one"], [f"{made}_whole"], keepdims=0),
        helper.make_node("Max", [f"{made}_whole", "tiny"], [f"{made}_share"]),
        helper.make_node("Div", [f"{made}_sum", f"{made}_share"], [made]),
    ]


def pairs_of(helper: Any) -> list[Any]:
    """Nodes that look up the pairs of neighbouring tokens."""
    return [
        helper.make_node("Slice", ["input_ids", "zero", "last", "one"], ["before"]),
        helper.make_node("Slice", ["input_ids", "one", "end", "one"], ["after"]),
        helper.make_node("Mul", ["before", "left"], ["spread"]),
        helper.make_node("Add", ["spread", "after"], ["hashed"]),
        helper.make_node("Mod", ["hashed", "rows"], ["pair_ids"]),
        helper.make_node("Gather", ["pairs", "pair_ids"], ["pair_vectors"]),
        helper.make_node("Slice", ["real", "one", "end", "one"], ["pair_real"]),
    ]
