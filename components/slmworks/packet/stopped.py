"""Candidates that a selection stopped before the gate, told in a sentence and in one short table."""

from collections.abc import Sequence

from slmworks.lineage.stopped import Stopped
from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join

FEW = 3
"""Candidates that the sentence names."""


def sentence(stopped: Sequence[Stopped]) -> str:
    """The same in a sentence; nothing where none was stopped."""
    if not stopped:
        return ""
    known = [one for one in stopped if one.chance is not None]
    named = ", ".join(one.name for one in stopped[:FEW]) + (", …" if stopped[FEW:] else "")
    words = f"Stopped early: {figures.count(len(stopped))} ({named})"
    if not known:
        return f"{words}."
    worst = max(known, key=lambda one: one.chance or 0.0)
    if worst.chance == 1:
        return f"{words}; {worst.name} was as good as the best."
    often = figures.chance(worst.chance or 0.0)
    return f"{words}; the truly best would be stopped so in at most {often} ({worst.name})."


def section(stopped: Sequence[Stopped]) -> Html:
    """The table of the page; nothing where none was stopped."""
    if not stopped:
        return Html("")
    lines = []
    for one in stopped:
        often = figures.NOTHING if one.chance is None else figures.chance(one.chance)
        often = "as good as the best" if one.chance == 1 else often
        lines.append((one.name, one.by, one.why, one.score or figures.NOTHING, often))
    named = ("candidate", "by", "rank", "score", "stopped wrongly, at most")
    note = (
        "They never came to the gate. The last column: of all cases in which such a candidate is truly the "
        "best, so often at most it falls this far behind."
    )
    table = grid(named, lines, text=(0, 1, 2), label="Stopped early")
    return join([el("h2", "Stopped early"), table, el("p", note, class_="soft")])
