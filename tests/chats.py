"""Conversations for tests of `curate/chat`, and what was made of them."""

import json
from collections.abc import Callable
from typing import Any

from slmworks.contract.artifact import Dataset

Curated = Callable[..., Dataset]
WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "jetty",
    "knoll", "larch", "marsh", "north", "ocean", "pines", "quarz", "ridge", "stone", "tidal",
)  # fmt: skip


def jsonl(rows: list[dict[str, Any]]) -> dict[str, str | bytes]:
    return {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}


def said(*turns: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def plain(count: int) -> list[dict[str, Any]]:
    """Conversations of which no two are of one template."""
    return [
        said(("user", f"What is {WORDS[i % 20]} {WORDS[i // 20]}?"), ("assistant", f"It is thing {i}."))
        for i in range(count)
    ]


def everything(data: Dataset, *columns: str) -> list[dict[str, Any]]:
    return [row for split in data.splits for row in data.rows(split, *columns)]


def answered(data: Dataset) -> dict[str, list[tuple[str, str]]]:
    """Completion -> roles and contents before it."""
    return {
        row["completion"]: [(turn["role"], turn["content"]) for turn in row["messages"]]
        for row in everything(data, "messages", "completion")
    }


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


def dropped(data: Dataset) -> dict[str, int]:
    return {reason: count for reason, count in card(data)["dropped"].items() if count}
