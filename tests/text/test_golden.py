"""The bytes that curation makes of a small file stay the same: registered models name their data by digest."""

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from slmworks.contract.artifact import HEADER, Dataset

PYARROW = "25.0.1"
"""Parquet files name the version that wrote them."""
COLUMNS = ("id", "text", "label", "source")


def rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Sentences, of which some are equal or nearly equal to an earlier one."""
    draw, extra = random.Random(seed), (" at ann@example.org", " on +1 415 555 2671", " itâ€™s &amp; fine")
    texts: list[str] = []
    for i in range(count):
        words = draw.choices([f"w{n}" for n in range(300)], k=6 + i % 9) + ["so"] * (i % 2)
        if i % 5 == 4:
            words = texts[draw.randrange(i)].split()
            words[-1] = "end" if i % 2 else words[-1].upper()
        texts.append(" ".join(words) + (extra[i % 3] if i % 7 == 0 else ""))
    labels = ("praise", "complaint", "question")
    return [
        {"text": text, "label": labels[i // 5 % 3], "doc": f"{i // 4}_{i}"} for i, text in enumerate(texts)
    ]


FILE = "".join(json.dumps(row) + "\n" for row in rows(240))
EXAM = "".join(json.dumps(row) + "\n" for row in rows(300)[200:])
NEWS = "".join(json.dumps({"text": f"{row['text']} news"}) + "\n" for row in rows(90, seed=1))

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "plain": (
        {"all": FILE}, {},
        "d1ee2a36021dd055030196f0f199cee9b2a47cec7b16fe09fc3184e2e4c46257",
        "456aa9dc00e293e91173ba83b9d2a8f6bb17dc1d8a088afcb0526a8fd30977ae",
    ),
    "all joins": (
        {"train": FILE, "test": EXAM, "transfer": NEWS},
        {
            "near_duplicates": 0.6, "redact": ("email", "phone"), "group": "doc", "group_prefix": "_",
            "transfer_rows": 60, "seed": 7, "licence": "CC0",
        },
        "7919395e7fe12265700ac89b26673e100881a15df96cb57e434df7258b5c1ff9",
        "529f64d4bf09c4a96197d268e6df5d6c2e1416518561f516032c02826f8de419",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rows_card_and_header(case: str, curate: Callable[..., Dataset]) -> None:
    inputs, options, content, tree = CASES[case]
    data = curate({name: {"rows.jsonl": text} for name, text in inputs.items()}, **options)
    assert digest(data) == content
    if pa.__version__ == PYARROW:
        assert data.digest == tree


def digest(data: Dataset) -> str:
    found = {
        **{split: data.rows(split, *COLUMNS) for split in data.splits},
        **{name: (data.path / name).read_text(encoding="utf-8") for name in ("card.json", HEADER)},
    }
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
