"""How a data set differs from an earlier one, for a page and for Markdown."""

from collections.abc import Iterator
from typing import NamedTuple

from slmworks.numbers import figures
from slmworks.packet.markdown_text import paragraph, table
from slmworks.packet.markup import Html, bar, details, el, grid, join
from slmworks.packet.sources import Content

LARGE = 0.2
"""PSI beyond chance that is called large."""
SURE = 0.05
"""Corrected p-value below which a difference is called one."""


class Measured(NamedTuple):
    """One line of the comparison."""

    what: str
    value: str
    p: float | None
    """Corrected for the number of tests; None: no test."""
    meaning: str


def lines_of(drift: Content) -> Iterator[Measured]:
    """Every number of which something is known."""
    if one := drift.get("labels"):
        yield Measured(
            "labels", f"PSI {one['psi']:.3f}", one["p_holm"],
            f"G-test, G = {one['g']:.1f}, {one['df']} degrees of freedom; {_stability(one)}",
        )  # fmt: skip
    if one := drift.get("lengths"):
        before, now = one["median"]
        yield Measured(
            "lengths", f"D {one['ks']:.3f}", one["p_holm"],
            f"Kolmogorov-Smirnov, of words a row; medians {before} before, {now} now",
        )  # fmt: skip
    if one := drift.get("vocabulary"):
        within = one["within"]
        yield Measured(
            "words", f"JS {one['js']:.3f}", None,
            f"Jensen-Shannon divergence in bits; {within['js']:.3f} within the earlier rows: chance",
        )  # fmt: skip
        yield Measured(
            "unseen words", figures.percent(one["unseen"]), None,
            f"share of all words; {figures.percent(within['unseen'])} within the earlier rows: chance",
        )  # fmt: skip
    if one := drift.get("embeddings"):
        n, m = (figures.count(rows) for rows in one["rows"])
        yield Measured(
            "meaning", f"MMD² {one['mmd2']:.4f}", one["p_holm"],
            f"embeddings of {n} and {m} rows, {one['permutations']} permutations",
        )  # fmt: skip


def _stability(labels: Content) -> str:
    """What a PSI is held against: chance, which grows with the labels and with few rows."""
    chance = labels.get("psi_chance", 0.0)
    return f"PSI of {chance:.3f} is chance; {chance + LARGE:.3f} would be called large"


def sentence(drift: Content) -> str:
    """What differs, in words."""
    measured = list(lines_of(drift))
    sure = [one.what for one in measured if one.p is not None and one.p < SURE]
    tests = sum(one.p is not None for one in measured)
    rows = drift["rows"]
    head = (
        f"Against {drift.get('against', 'the earlier data set')} ({figures.count(rows['before'])} rows, "
        f"{figures.count(rows['now'])} now): "
    )
    words = f"{' and '.join(sure)} differ" if sure else "no test finds a difference"
    noun = "tests" if tests > 1 else "test"
    return f"{head}{words} ({tests} {noun} at {SURE:g}, p-values corrected by Holm)."


def shown(drift: Content | None) -> Html:
    """The sentence, the table, labels that moved and new words; empty where nothing was compared."""
    if not drift:
        return Html("")
    rows = [(one.what, one.value, _p(one.p), el("small", one.meaning)) for one in lines_of(drift)]
    return join(
        [
            el("p", sentence(drift)),
            grid(("", "distance", "p", ""), rows, text=(0, 1, 3), label="Drift"),
            _moved(drift),
            _new(drift),
        ]
    )


def markdown(drift: Content | None) -> list[str]:
    """The sentence and the table."""
    if not drift:
        return []
    rows = [(one.what, one.value, _p(one.p), one.meaning) for one in lines_of(drift)]
    return [paragraph(sentence(drift)), table(("", "distance", "p", ""), rows)]


def _moved(drift: Content) -> Html:
    moved = (drift.get("labels") or {}).get("moved") or []
    if not moved:
        return Html("")
    most = max(max(before, now) for _, before, now in moved)
    rows = [
        (label, bar(before / most), figures.percent(before), bar(now / most), figures.percent(now))
        for label, before, now in moved
    ]
    heads = ("label", "before", "", "now", "")
    return details("Labels that moved most", grid(heads, rows, text=(0, 1, 3), label="Labels that moved"))


def _new(drift: Content) -> Html:
    new = (drift.get("vocabulary") or {}).get("new") or []
    words = ", ".join(f"{word} {figures.count(rows)}" for word, rows in new)
    return details("New words, with their rows", el("p", words)) if words else Html("")


def _p(p: float | None) -> str:
    return "" if p is None else figures.p_value(p).removeprefix("p = ").removeprefix("p ")
