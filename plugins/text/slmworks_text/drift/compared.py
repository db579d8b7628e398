"""Two data sets compared, with tests that are corrected for their number (Holm, 1979)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from slmworks.numbers import statistics
from slmworks.numbers.two_samples import (
    chance_stability,
    g_test,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability,
)
from slmworks_text.drift.sketch import Sketch

NAMED = 12
"""Labels that moved most, and new words, that are named."""
ROWS = 3
"""Rows that a new word must be in to be named."""
TESTED = ("labels", "lengths", "embeddings")
NUMBERS = {
    "label_psi": ("labels", "psi"),
    "length_ks": ("lengths", "ks"),
    "vocabulary_js": ("vocabulary", "js"),
    "unseen_words": ("vocabulary", "unseen"),
    "embedding_mmd": ("embeddings", "mmd2"),
}
"""Name in `expect.drift` -> part of the card, and key."""
P = "p"
"""In `expect.drift`: the smallest p-value, corrected."""


def compared(before: Sketch, now: Sketch, embedded: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The card's part about drift; `embedded`: what embeddings say."""
    found: dict[str, Any] = {"rows": {"before": before.rows, "now": now.rows}}
    if before.labels and now.labels:
        g, df, p = g_test(before.labels, now.labels)
        psi = population_stability(before.labels, now.labels)
        chance = chance_stability(before.labels, now.labels)
        found["labels"] = {"psi": _round(psi), "psi_chance": _round(chance), "g": _round(g), "df": df, "p": p,
                           "moved": _moved(before.labels, now.labels)}  # fmt: skip
    d, p = kolmogorov_smirnov(before.lengths, now.lengths)
    found["lengths"] = {"ks": _round(d), "p": p, "median": [_median(before.lengths), _median(now.lengths)]}
    found["vocabulary"] = _vocabulary(before, now)
    if embedded is not None:
        found["embeddings"] = dict(embedded)
    tested = [name for name in TESTED if name in found]
    corrected = statistics.holm([found[name]["p"] for name in tested])
    for name, p in zip(tested, corrected, strict=True):
        found[name] |= {"p": float(f"{found[name]['p']:.4g}"), "p_holm": float(f"{p:.4g}")}
    return found


def numbers_of(card: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a card that `expect.drift` may bound, as far as they are there."""
    if (found := card.get("drift")) is None:
        return {}
    numbers = {name: found[part][key] for name, (part, key) in NUMBERS.items() if part in found}
    return {**numbers, P: min(found[name]["p_holm"] for name in TESTED if name in found)}


def _vocabulary(before: Sketch, now: Sketch) -> dict[str, Any]:
    """Divergence and unseen words of as many later rows as are drawn from the earlier ones.

    Both grow with fewer rows; so the same of the drawn rows stands beside, and is chance.
    """
    rest, drawn = before.parts
    later, known = now.parts[1], rest > 0
    new = now.new.rows if now.new is not None else {}
    return {
        "rows": [before.rows - before.drawn, before.drawn],
        "js": _round(jensen_shannon(rest, later)),
        "unseen": _unseen(later, known),
        "within": {"js": _round(jensen_shannon(rest, drawn)), "unseen": _unseen(drawn, known)},
        "new": [[word, rows] for word, rows in sorted(new.items(), key=lambda one: (-one[1], one[0]))
                if rows >= ROWS][:NAMED],
    }  # fmt: skip


def _unseen(words: Any, known: Any) -> float:
    return _round(float(words[~known].sum() / max(1, words.sum())))


def _moved(before: Counter[str], now: Counter[str]) -> list[list[Any]]:
    """Label, its share before and now: those that moved most."""
    a, b = before.total(), now.total()
    shares: list[list[Any]] = [
        [name, _round(before[name] / a), _round(now[name] / b)] for name in sorted({*before, *now})
    ]
    moved = [one for one in shares if one[1] != one[2]]
    return sorted(moved, key=lambda one: (-abs(one[1] - one[2]), one[0]))[:NAMED]


def _median(counts: Counter[int]) -> int:
    from slmworks_text.lengths import Lengths

    lengths = Lengths()
    lengths.counts = counts
    return lengths.at(counts.total() // 2)


def _round(number: float) -> float:
    return round(number, 6)
