"""The reviewer's page: one self-contained HTML file, nothing loaded from anywhere."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from slmworks.artifact import Report
from slmworks.packet import sections
from slmworks.packet.found import find
from slmworks.packet.markup import el, join


def page(
    verdict: Mapping[str, Any],
    reports: Sequence[Report] = (),
    card: Mapping[str, Any] | None = None,
    lineage: Sequence[str] | None = None,
) -> str:
    """The packet as HTML: verdict, table, checks, classes, slices, changes, speed; card and lineage if given.

    `card` is the `card.json` of the data; `lineage` has a line of text for each step back to the sources.
    """
    found = find(verdict, reports)
    parts = [
        sections.head(verdict),
        sections.overview(verdict),
        sections.checks(verdict),
        sections.classes(found),
        sections.slices(found),
        sections.changes(found),
        sections.speed(found),
        sections.data(card),
        sections.origin(lineage),
    ]
    body = join(el("section", part) for part in parts if part)
    template = Template(files("slmworks.packet").joinpath("page.html").read_text(encoding="utf-8"))
    title = "passed" if verdict.get("passed") else "refused"
    return template.substitute(title=f"Verdict: {title}", body=body)
