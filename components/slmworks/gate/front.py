"""Candidates that no other one beats in every respect."""

from collections.abc import Sequence
from typing import Any

LESS = ("bytes", "p50_ms")
"""Numbers of a row of which less is better."""


def mark(rows: Sequence[dict[str, Any]]) -> None:
    """Write into the rows of two candidates or more whether they are on the Pareto front (`front`).

    On it is who has no rival that keeps at least as much of the teacher, is no larger, takes no longer, and
    is ahead in one of these. Time counts where it was measured of all.
    """
    among = [row for row in rows if row["role"] == "candidate"]
    if len(among) < 2:
        return
    known = [name for name in LESS if all(row.get(name) is not None for row in among)]
    points = [(-row["kept"]["value"], *(row[name] for name in known)) for row in among]
    for row, point in zip(among, points, strict=True):
        row["front"] = not any(_beats(other, point) for other in points)


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return tuple(one) != tuple(other) and all(a <= b for a, b in zip(one, other, strict=True))
