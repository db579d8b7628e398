"""A data card as Markdown: the description of the run that curated it, in MLflow and elsewhere."""

from slmworks.contract.model_card import UNDECLARED
from slmworks.numbers import figures
from slmworks.packet import drift
from slmworks.packet.data_card.described import Described
from slmworks.packet.flow import lines_of
from slmworks.packet.markdown_text import code, escaped, paragraph, table
from slmworks.packet.sources import Content

WARNINGS = 10
"""So many are listed."""


def markdown(data: Described) -> str:
    """Warnings and expectations, what became of the rows, splits, licences, drift."""
    card = data.card
    rows = card.get("rows") or {}
    head = " · ".join(filter(None, [f"**{escaped(data.title)}**", data.counted, escaped(data.model_task)]))
    warnings = card.get("warnings") or []
    parts = [head, *(paragraph(f"Warning: {one}.") for one in warnings[:WARNINGS])]
    if len(warnings) > WARNINGS:
        parts.append(f"{len(warnings) - WARNINGS} more warnings are on the page.")
    if data.expected:
        parts.append("\n".join(["Expected, and met:", "", *(f"- {escaped(one)}" for one in data.expected)]))
    parts += drift.markdown(card.get("drift"))
    lines = [
        (line.step, line.name, figures.count(line.rows), figures.percent(line.rows / rows["in"]))
        for line in lines_of(card)
    ]
    if lines:
        parts.append(table(("", "", "rows", "share"), lines, numbers=2))
    parts.append(_licences(card))
    if data.digest:
        parts.append(f"Digest {code(data.digest)}" + (f" at {code(data.address)}" if data.address else ""))
    return "\n\n".join(part for part in parts if part) + "\n"


def _licences(card: Content) -> str:
    named = {name: text or UNDECLARED for name, text in (card.get("licences") or {}).items()}
    if len(set(named.values())) > 1 or (named and not card.get("licence")):
        return paragraph(
            "Licences as declared: " + "; ".join(f"{name}: {text}" for name, text in sorted(named.items()))
        )
    return paragraph(f"Licence: {card.get('licence') or UNDECLARED}")
