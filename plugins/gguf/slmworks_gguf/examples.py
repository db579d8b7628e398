"""Examples for a prompt, drawn from training rows: of different templates, and of different lengths."""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.model_tasks.text_generation.messages import conversation

Row = Mapping[str, Any]
WIDE = 4
"""Rows that are looked at for each that is taken: enough to spread them over lengths."""
_FILLED = re.compile(r"\"[^\"]*\"|'[^']*'|\S*\d\S*")
"""What a template fills in: quoted parts, and words with a digit."""


def diverse(rows: Sequence[Row], count: int, *, seed: int) -> list[Row]:
    """`count` rows in an order drawn by the seed: one a template first, and spread evenly over lengths."""
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    ranks: dict[str, int] = {}
    ranked = []
    for place in order:
        named = template(rows[place])
        ranks[named] = ranks.get(named, -1) + 1
        ranked.append((ranks[named], place))
    ranked.sort(key=lambda one: one[0])
    fresh = sum(rank == 0 for rank, _ in ranked)
    pool = [place for _, place in ranked[: max(count, min(fresh, WIDE * count))]]
    by_length = sorted(pool, key=lambda place: len(conversation(rows[place]["messages"])))
    taken = {by_length[(2 * number + 1) * len(by_length) // (2 * count)] for number in range(count)}
    return [rows[place] for place in order if place in taken]


def template(row: Row) -> str:
    """What a question has in common with others of its wording."""
    return " ".join(_FILLED.sub("…", conversation(row["messages"]).lower()).split())
