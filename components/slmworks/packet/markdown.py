"""A verdict as Markdown: what a reviewer finds in the description of a registered version."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks import figures
from slmworks.artifact import Report
from slmworks.packet.found import Found, changed, find
from slmworks.packet.table import HEADINGS, caption, cells


def markdown(verdict: Mapping[str, Any], reports: Sequence[Report] = ()) -> str:
    """The sentence, the table, and what changed against the teacher."""
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
    if found.candidate is None:
        return []
    test = found.candidate["splits"]["test"]
    against = test["against"]
    lines = [f"Against the teacher on {figures.count(test['n'])} rows: {changed(against)}"]
    slices = {one["source"]: one for one in test.get("slices", [])}
    if len(slices) > 1:
        lines.append(
            "\n".join(
                f"- {_escaped(one['source'])}: {figures.score_range(slices[one['source']]['accuracy'])}, "
                f"{one['gained']} gained, {one['lost']} lost of {figures.count(one['n'])}"
                for one in against["slices"]
            )
        )
    return lines


def _escaped(text: str) -> str:
    # names and sources come from data: they must not break the table or become markup
    for sign in ("\\", "|", "<", "*", "_", "`", "["):
        text = text.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return text.replace("\n", " ")
