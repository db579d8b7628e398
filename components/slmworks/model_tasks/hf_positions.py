"""Positions of a network: their number, and the table that holds one learnt row for each."""

from typing import Any


def count(net: Any) -> int:
    """Number of tokens that the network has positions for; 0 where there is no limit."""
    rows = max(0, int(getattr(net.config, "max_position_embeddings", 0) or 0))  # XLNet says -1
    rows = _before_stretching(net.config) or rows
    return rows - first(net, place) if rows and (place := table(net)) else rows


def _before_stretching(config: Any) -> int:
    """Tokens up to which LongRoPE (Ding et al., 2024) leaves rotary positions alone; 0 without it.

    A longer text stretches the positions of its whole batch: an answer would depend on company.
    """
    found = getattr(config, "rope_parameters", None) or {}
    kinds = [found, *(entry for entry in found.values() if isinstance(entry, dict))]
    limits = (
        kind.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", 0)
        for kind in kinds
        if kind.get("rope_type") == "longrope"
    )
    return min((int(limit or 0) for limit in limits), default=0)


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
