"""What a reviewer reads about a verdict, found from its digest."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.artifact import Artifact, Report, Verdict
from slmworks.errors import CorruptObject
from slmworks.lineage.ancestry import lineage_of, render

if TYPE_CHECKING:
    from slmworks.store import Store


def packet(store: "Store", digest: str) -> tuple[str, str]:
    """The verdict as markdown and as an HTML page; that of a gate with a form of its own as its JSON."""
    from slmworks.packet import markdown, page

    verdict = Verdict.open(store.folder(digest), digest=digest)
    if not isinstance(verdict, Verdict):
        return "", ""
    said = verdict.read()
    refs = [one for role, one in verdict.refs.items() if role.startswith("report.")]
    folders = [(one, folder_or_none(store, one)) for one in refs]
    opened = [Artifact.open(folder, digest=one) for one, folder in folders if folder]
    reports = [report for report in opened if isinstance(report, Report)]
    try:
        card, origin = _card(store, reports), render(lineage_of(store, digest)).splitlines()[1:]
        return markdown(said, reports), page(said, reports, card, origin)
    except (KeyError, TypeError, ValueError):
        text = json.dumps(said, indent=1, ensure_ascii=False)
        return f"```json\n{text}\n```", f"<!doctype html><meta charset=utf-8><pre>{escape(text)}</pre>"


def _card(store: "Store", reports: Sequence[Report]) -> dict[str, Any] | None:
    """The data card of the data that the reports were measured on, where it has one."""
    for digest in dict.fromkeys(report.refs.get("data", "") for report in reports):
        folder = folder_or_none(store, digest) if digest else None
        if folder and (folder / "card.json").exists():
            return dict(json.loads((folder / "card.json").read_text(encoding="utf-8")))
    return None


def folder_or_none(store: "Store", digest: str) -> Path | None:
    """The folder of an object, or None when its bytes are no longer there."""
    try:
        return store.folder(digest)
    except CorruptObject:
        return None
