"""Positions of a network: their number, and the table that holds one learnt row for each."""

from typing import Any


def count(net: Any) -> int:
    """Number of tokens that the network has positions for; 0 where there is no limit."""
    rows = max(0, int(getattr(net.config, "max_position_embeddings", 0) or 0))  # XLNet says -1
    return rows - first(net, place) if rows and (place := table(net)) else rows


def table(net: Any) -> str:
    """The name of the weight that holds one learnt row a position; empty where there is no such table."""
    if getattr(net.config, "relative_attention", False):
        return ""  # DeBERTa derives its buckets from the number of positions
    rows = int(getattr(net.config, "max_position_embeddings", 0) or 0)
    return next(
        (
            name
            for name, weight in net.state_dict().items()
            if name.endswith("position_embeddings.weight") and len(weight) == rows
        ),
        "",
    )


def first(net: Any, place: str) -> int:
    """The row of the first token: 0, or behind the padding's as RoBERTa has it."""
    padding = net.get_submodule(place.removesuffix(".weight")).padding_idx
    return 0 if padding is None else int(padding) + 1
