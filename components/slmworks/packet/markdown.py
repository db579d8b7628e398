"""A verdict as Markdown: what a reviewer finds in the description of a registered version."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.numbers import figures
from slmworks.packet.sources import Found, changed, find
from slmworks.packet.table import caption, cells, headings


def markdown(verdict: Mapping[str, Any], reports: Sequence[Report] = ()) -> str:
    """The sentence, the table, and what changed against champion and teacher; the rest is on the page."""
    sentence = str(verdict.get("sentence") or ("passed" if verdict.get("passed") else "refused"))
    parts = [f"**{_escaped(sentence)}**"]
    if verdict.get("rows"):
        parts += ["\n".join(_table(verdict)), caption(verdict)]
    parts += _changes(find(verdict, reports))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(verdict: Mapping[str, Any]) -> list[str]:
    named = headings(verdict)
    lines = [named, *(cells(verdict, row) for row in verdict["rows"])]
    head, *body = ["| " + " | ".join(map(_escaped, line)) + " |" for line in lines]
    return [head, "|---|---|" + "---:|" * (len(named) - 2), *body]


def _changes(found: Found) -> list[str]:
    lines = []
    for both, against in ((found.against_champion, "champion"), (found.against_teacher, "teacher")):
        if both is not None:
            pairs = both.pairs()
            lines.append(f"Against the {against} on {figures.count(pairs.n)} rows: {changed(pairs)}")
    if found.candidate and found.model_task:
        lines.append(found.model_task.headline(found.candidate.limits("test")))
    return lines


def _escaped(text: str) -> str:
    # names and sources come from data: they must not break the table or become markup
    for sign in ("\\", "|", "<", "*", "_", "`", "["):
        text = text.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return text.replace("\n", " ")
