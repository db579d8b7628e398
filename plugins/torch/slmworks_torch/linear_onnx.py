"""A linear model on words as `model.onnx`: sums of table rows, written by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks_torch import table_onnx
from slmworks_torch.bag_onnx import LEFT, TINY, pairs_of

if TYPE_CHECKING:
    import numpy as np


def write(weights: Mapping[str, "np.ndarray[Any, Any]"], path: Path) -> None:
    """Write `LinearText.weights` as one ONNX file; batch and tokens may vary."""
    import numpy as np

    from onnx import helper

    constants: dict[str, Any] = {
        **{name: weights[name] for name in ("embeddings", "token_weights", "bias")},
        "tiny": np.array(TINY, np.float32),
        **{name: np.array([number]) for name, number in (("zero", 0), ("one", 1), ("two", 2), ("last", -1))},
    }
    nodes = [*table_onnx.weighted_tokens(), *_sums("tokens", "weights", "token")]
    sums, squares = "token_sum", "token_squares"
    if len(weights["pairs"]):
        constants |= {name: weights[name] for name in ("pairs", "pair_weights")}
        constants |= {"left": np.array(LEFT), "rows": np.array(len(weights["pairs"]))}
        constants["end"] = np.array([np.iinfo(np.int64).max])
        nodes += [
            *pairs_of(helper),
            helper.make_node("Gather", ["pair_weights", "pair_ids"], ["raw_pair_weights"]),
            helper.make_node("Mul", ["raw_pair_weights", "pair_real"], ["weights_of_pairs"]),
            *_sums("pair_vectors", "weights_of_pairs", "pair"),
            helper.make_node("Add", ["token_sum", "pair_sum"], ["sum"]),
            helper.make_node("Add", ["token_squares", "pair_squares"], ["squares"]),
        ]
        sums, squares = "sum", "squares"
    nodes += [
        helper.make_node("Add", [squares, "tiny"], ["whole"]),
        helper.make_node("Sqrt", ["whole"], ["length"]),
        helper.make_node("Div", [sums, "length"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
    ]
    table_onnx.save(path, "linear", nodes, constants, ("logits", len(weights["bias"])))


def _sums(vectors: str, weights: str, made: str) -> list[Any]:
    """Nodes of a weighted sum over the tokens, and of the sum of squared weights: [batch, 1]."""
    from onnx import helper

    return [
        helper.make_node("Mul", [vectors, weights], [f"{made}_weighted"]),
        helper.make_node("ReduceSum", [f"{made}_weighted", "one"], [f"{made}_sum"], keepdims=0),
        helper.make_node("Mul", [weights, weights], [f"{made}_squared"]),
        helper.make_node("ReduceSum", [f"{made}_squared", "one"], [f"{made}_squares"], keepdims=0),
    ]
