"""The reviewer's page: one self-contained HTML file without scripts, nothing loaded from anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.packet import (
    about,
    benchmarks,
    card,
    changes,
    judges,
    origin,
    running_costs,
    safety,
    sections,
    stopped,
    teaching,
    terms,
    tradeoff,
    training,
)
from slmworks.packet.markup import el, join, whole_page
from slmworks.packet.sources import Background, find


def page(
    verdict: Mapping[str, Any],
    reports: Sequence[Report] = (),
    background: Background | None = None,
    *,
    digest: str = "",
) -> str:
    """The packet as HTML, from the sentence down to how to make it again.

    Parts of which nothing is known are left out. `digest` is the verdict's own.
    """
    behind = background or Background()
    found = find(verdict, reports)
    parts = [
        el("p", f"Attention: {behind.notice}", class_="warning") if behind.notice else None,
        join([about.head(behind.about), sections.head(verdict)]),
        sections.overview(verdict),
        sections.over_seeds(behind.seeds),
        tradeoff.section(verdict, len(behind.stopped)),
        stopped.section(behind.stopped),
        sections.checks(verdict),
        terms.section(behind.terms),
        changes.champion(verdict, found, behind.texts),
        changes.teacher(found, behind.texts),
        changes.by_slice(found),
        *sections.of_model_task(found),
        *judges.sections(found),
        safety.section(found),
        benchmarks.section(found),
        sections.speed(found),
        running_costs.section(verdict, reports, behind.spent),
        teaching.cost(behind, found.speed),
        training.section(behind.trained),
        card.data(behind.card, behind.data),
        origin.lineage(behind),
        origin.again(behind, digest),
    ]
    outcome = "passed" if verdict.get("passed") else "refused"
    return whole_page(about.title(outcome, behind.about), parts)
