"""Rotary positions (Su et al., 2021) of an exported graph, for more than one text at a time.

The exporter fuses them into `RotaryEmbedding` (opset 23) with caches [1, tokens, half a head], as a network
computes them for all texts alike. The operator wants one for each text, so a file as exported answers one
text only.
"""

from typing import Any


def widen_caches(model: Any) -> Any:
    """Repeat the caches of every RotaryEmbedding for each text of a batch, in a ModelProto; returns it."""
    from onnx import helper, numpy_helper

    graph, nodes = model.graph, []
    widened: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "RotaryEmbedding" and not any(node.input[3:]):  # else position_ids choose rows
            for place in (1, 2):
                cache = node.input[place]
                if cache not in widened:
                    widened[cache] = f"{cache}_of_each_text"
                    nodes += _widening(node.input[0], cache, widened[cache], helper)
                node.input[place] = widened[cache]
        nodes.append(node)
    if widened:
        graph.initializer.append(numpy_helper.from_array(_ones(), "rotary_ones"))
        kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(kept)
    return model


def _widening(data: str, cache: str, name: str, helper: Any) -> list[Any]:
    """Nodes that repeat `cache` as often as `data` has texts."""
    texts, shape = f"{name}_texts", f"{name}_shape"
    return [
        helper.make_node("Shape", [data], [texts], name=f"node_{texts}", start=0, end=1),
        helper.make_node("Concat", [texts, "rotary_ones"], [shape], name=f"node_{shape}", axis=0),
        helper.make_node("Expand", [cache, shape], [name], name=f"node_{name}"),
    ]


def _ones() -> Any:
    import numpy as np

    return np.ones(2, np.int64)
