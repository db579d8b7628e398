"""A data set as its pages need it: the card, and what only its manifest and its store know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Dataset
from slmworks.contract.errors import BadRequest
from slmworks.numbers import figures
from slmworks.packet.sources import Content

CARD = "card.json"
LISTS = ("steps", "warnings")
OBJECTS = (
    "rows", "dropped", "changed", "personal_data", "examples", "clusters", "columns", "splits", "inputs",
    "licences", "synthetic", "label_noise", "drift",
)  # fmt: skip
"""Parts of a card that pages read, each of which may be missing."""
COUNTS = ("rows", "dropped", "changed", "personal_data")
"""Those that hold nothing but counts."""


@dataclass(frozen=True)
class Described:
    """All of it but the card may be missing."""

    card: Content
    name: str = ""
    """What people call it: recipe and step."""
    digest: str = ""
    model_task: str = ""
    address: str = ""
    """Where its files lie, without a `/` at the end; empty: beside the page."""
    summary: Mapping[str, Any] | None = None
    """The manifest's: it holds what was expected, which is no part of the bytes."""

    @property
    def expected(self) -> Sequence[str]:
        """Expectations that were met, with what was found."""
        return [str(one) for one in (self.summary or {}).get("expected", [])]

    @property
    def counted(self) -> str:
        """Rows out and in, in words; empty where they aren't known."""
        rows = self.card.get("rows") or {}
        if not {"in", "out"} <= rows.keys():
            return ""
        return f"{figures.count(rows['out'])} rows of {figures.count(rows['in'])}"

    @property
    def splits(self) -> Mapping[str, Content]:
        """Split -> its part of the card."""
        found = self.card.get("splits") or {}
        return {name: one for name, one in found.items() if isinstance(one, Mapping)}

    @property
    def title(self) -> str:
        """Name, or the beginning of the digest."""
        return self.name or (f"data {self.digest[:12]}" if self.digest else "Data")


def described(folder: Path, **known: Any) -> Described:
    """A data set's folder; BadRequest for one that is none, or has no card. `known`: further fields."""
    data = Artifact.open(folder)
    if not isinstance(data, Dataset):
        raise BadRequest(f"{folder}: is a {data.kind}, and only a Dataset has a card.")
    known = {"model_task": data.model_task and catalog.canonical(data.model_task), **known}
    return Described(read_card(folder), **known)


def read_card(folder: Path) -> Content:
    """A data set's `card.json`; BadRequest for one that can't be read, or that pages can't show."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadRequest(f"{folder}: has no {CARD} that can be read; curate it again.") from None
    if problem := _misshapen(card):
        raise BadRequest(f"{folder}: its {CARD} is of another form: {problem}.")
    found: Content = card
    return found


def _misshapen(card: object) -> str:
    """What a card of a curate plugin from elsewhere has in another form than pages read; empty: nothing."""
    if not isinstance(card, dict):
        return "it is no object"
    for names, kind, called in ((OBJECTS, dict, "an object"), (LISTS, list, "a list")):
        for name in names:
            if card.get(name) is not None and not isinstance(card[name], kind):
                return f"'{name}' is not {called}"
    splits = {f"splits.{name}": one for name, one in (card.get("splits") or {}).items()}
    counted = {name: card.get(name) or {} for name in COUNTS} | {
        f"{name}.{part}": one.get(part) or {}
        for name, one in splits.items()
        if isinstance(one, dict)
        for part in ("labels", "sources")
    }
    for name, counts in counted.items():
        if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
            return f"'{name}' holds what is no count"
    for name, one in splits.items():
        if isinstance(one, dict) and type(one.get("rows", 0)) is not int:
            return f"'{name}.rows' is no count"
    return ""
