"""A verdict as Markdown: what a reviewer finds in the description of a registered version."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.contract.linear_model import LINEAR
from slmworks.numbers import figures
from slmworks.packet import running_costs, stopped, terms, tradeoff
from slmworks.packet.markdown_text import Markdown, escaped, paragraph, table
from slmworks.packet.sources import Background, Found, changed, find
from slmworks.packet.table import beside_linear, caption, cells, headings

ROOM = Markdown("&emsp;")
"""Between two columns: MLflow draws tables without any."""


def markdown(
    verdict: Mapping[str, Any],
    reports: Sequence[Report] = (),
    background: Background | None = None,
    *,
    brief: bool = False,
) -> str:
    """The sentence, the table, and what changed against champion and teacher; the rest is on the page.

    What a reviewer must know first comes before all of it. `brief`: for a form whose buttons stand below.
    """
    behind = background or Background()
    sentence = str(verdict.get("sentence") or ("passed" if verdict.get("passed") else "refused"))
    parts = [attention(behind.notice), f"**{escaped(sentence)}**"]
    said, found = [caption(verdict), beside_linear(verdict)], find(verdict, reports)
    if not verdict.get("rows"):
        parts += _changes(found)
    elif brief:
        parts += [_table(verdict, _few(verdict)), paragraph(" · ".join(filter(None, said)))]
        parts.append(" ".join(_changes(found)))
    else:
        said += [tradeoff.recommendation(verdict), tradeoff.sentence(verdict)]
        parts += [_table(verdict, verdict["rows"]), *map(paragraph, said), *_changes(found)]
    parts.append(paragraph(stopped.sentence(behind.stopped)))
    if behind.spent and not brief:
        known = running_costs.served(verdict, reports)
        parts.append(paragraph(running_costs.paid_back(verdict, known, behind.spent)))
    parts += terms.lines(behind.terms, brief=brief)
    return "\n\n".join(part for part in parts if part) + "\n"


def attention(notice: str) -> str:
    """A notice as a paragraph of Markdown; empty where there is none."""
    return f"**Attention: {escaped(notice)}**" if notice else ""


def _few(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows that a decision is about: not the other candidates, nor what always answers the same."""
    linear = (verdict.get("linear") or {}).get("name", LINEAR)
    return [
        row
        for row in verdict["rows"]
        if row["chosen"] or row["role"] in ("teacher", "champion", "reference") or row["name"] == linear
    ]


def _table(verdict: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> str:
    named = headings(verdict)
    rows = [_apart(cells(verdict, row)) for row in shown]
    return table(_apart(named), rows, numbers=len(named) - 2)


def _apart(row: Sequence[str]) -> list[Markdown]:
    first, *others = map(escaped, row)
    return [first, *(Markdown(ROOM + one) for one in others)]


def _changes(found: Found) -> list[str]:
    lines = []
    for both, against in ((found.against_champion, "champion"), (found.against_teacher, "teacher")):
        if both is not None:
            pairs = both.pairs()
            words = changed(pairs, found.p_against(against))
            lines.append(f"Against the {against} on {figures.count(pairs.n)} rows: {words}")
    if found.candidate and found.model_task:
        lines.append(paragraph(found.model_task.headline(found.candidate.limits("test"))))
    return lines
