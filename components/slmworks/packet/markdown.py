"""A verdict as Markdown: what a reviewer finds in the description of a registered version."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.numbers import figures, statistics
from slmworks.packet.sources import Found, changed, find
from slmworks.packet.table import HEADINGS, caption, cells


def markdown(verdict: Mapping[str, Any], reports: Sequence[Report] = ()) -> str:
    """The sentence, the table, and what changed against champion and teacher; the rest is on the page."""
    said = str(verdict.get("sentence") or ("passed" if verdict.get("passed") else "refused"))
    parts = [f"**{_escaped(said)}**"]
    if verdict.get("rows"):
        parts += ["\n".join(_table(verdict)), caption(verdict)]
    parts += _changes(find(verdict, reports))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(verdict: Mapping[str, Any]) -> list[str]:
    head = ["| " + " | ".join(HEADINGS) + " |", "|---|---|" + "---:|" * (len(HEADINGS) - 2)]
    return head + ["| " + " | ".join(map(_escaped, cells(row))) + " |" for row in verdict["rows"]]


def _changes(found: Found) -> list[str]:
    lines = []
    for both, against in ((found.against_champion, "champion"), (found.against_teacher, "teacher")):
        if both is not None:
            pairs = statistics.Outcomes.of(both.ours.right, both.theirs.right)
            said = changed(pairs.gained, pairs.lost, statistics.mcnemar(pairs.gained, pairs.lost))
            lines.append(f"Against the {against} on {figures.count(pairs.n)} rows: {said}")
    test = found.candidate["splits"]["test"] if found.candidate else {}
    if "calibration" in test:
        lines.append(f"Calibration error (15 bins): {figures.score(test['calibration']['ece'])}.")
    return lines


def _escaped(text: str) -> str:
    # names and sources come from data: they must not break the table or become markup
    for sign in ("\\", "|", "<", "*", "_", "`", "["):
        text = text.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return text.replace("\n", " ")
