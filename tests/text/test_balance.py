"""Frequent labels and sources are thinned out in train only."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.options import OptionError, configure
from slmworks_text.curate import CurateText
from slmworks_text.curate_chat import CurateChat

ROWS = [
    {"text": f"row {i} of all that there are", "label": "few" if i % 10 == 0 else "many"} for i in range(200)
]
FILES = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS)}}


def labels(data: Dataset, split: str = "train") -> Counter[str]:
    return Counter(row["label"] for row in data.rows(split, "label"))


@pytest.mark.parametrize(
    ("balance", "many"), [({"most": 30}, 30), ({"ratio": 1}, 14), ({"ratio": 2.5}, 35), ({"most": 1000}, 126)]
)
def test_labels(curate: Callable[..., Dataset], balance: dict[str, Any], many: int) -> None:
    data, whole = curate(FILES, balance=balance), curate(FILES)
    assert labels(data) == {"few": 14, "many": many}
    assert labels(data, "test") == labels(whole, "test")
    card = json.loads((data.path / "card.json").read_text())
    assert card["dropped"]["more than balance"] == 126 - many


def test_a_smaller_limit_keeps_some_of_the_same(curate: Callable[..., Dataset]) -> None:
    few, more = (
        {row["id"] for row in curate(FILES, balance={"most": n}).rows("train", "id")} for n in (20, 40)
    )
    assert few < more


def test_sources_of_conversations(chat: Callable[..., Dataset]) -> None:
    rows = [{"prompt": f"what is {i}?", "completion": f"number {i}"} for i in range(60)]
    files = {
        name: {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in some)}
        for name, some in (("small", rows[:10]), ("large", rows[10:]))
    }
    data = chat(files, balance={"by": "source", "ratio": 2}, keep_templates=False)
    sources = Counter(row["source"] for row in data.rows("train", "source"))
    assert sources["large"] == 2 * sources["small"]


@pytest.mark.parametrize(
    ("plugin", "options", "problem"),
    [
        (CurateText, {"balance": {}}, "set one limit"),
        (CurateText, {"balance": {"most": 3, "ratio": 2}}, "set one limit"),
        (CurateText, {"balance": {"ratio": 0.5}}, "greater than or equal to 1"),
        (CurateText, {"balance": {"most": 3}, "model_task": "feature-extraction"}, "set by: source"),
        (CurateChat, {"balance": {"most": 3}}, "conversations have no labels"),
    ],
)
def test_mistakes(plugin: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        configure(plugin, "x", options)
