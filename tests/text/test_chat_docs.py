"""The example of docs/generation.md: its script, its recipe, and the numbers that it names."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from chats import Curated

PAGE = (Path(__file__).parents[2] / "docs" / "generation.md").read_text(encoding="utf-8")


def block(start: str) -> str:
    found = re.search(rf"```\w+\n{re.escape(start)}(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_sixty_orders_come_to_what_the_page_says(chat: Curated, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", block("# make_orders.py\n")], cwd=tmp_path, check=True)
    step = yaml.safe_load(block("# orders.yaml\n"))["steps"]["data"]
    assert step["uses"] == "chat"
    orders: dict[str, str | bytes] = {"orders.jsonl": (tmp_path / "orders.jsonl").read_bytes()}
    data = chat({"orders": orders}, **step["with"])
    said = re.search(
        r"in train \((\d+) rows\), one in validation \((\d+)\) and one in the test \((\d+)\)", PAGE
    )
    assert said
    assert [len(data.rows(split, "id")) for split in ("train", "validation", "test")] == [
        *map(int, said.groups())
    ]
    assert data.rows("train", "messages", "completion", "source")[0] == json.loads(block("{").join(("{", "")))
    warning = re.search(r"data: warning: (.*)\.\n", PAGE)
    assert warning
    assert data.summary["warnings"] == [warning[1]]
