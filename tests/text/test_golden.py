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
        "3a0a53426462ef9327602319ce96ba0a4ec24e4a2f739681bd004a284d52a8c1",
        "6348af918f6a0f4bb0452f93c120fafa8773f4be5e1e1a00cf87f0a5ad1cfcc1",
    ),
    "all joins": (
        {"train": FILE, "test": EXAM, "transfer": NEWS},
        {
            "near_duplicates": 0.6, "redact": ("email", "phone"), "group": "doc", "group_prefix": "_",
            "transfer_rows": 60, "seed": 7, "licence": "CC0",
        },
        "eeb003388d107267321df109624ea57866d2f2edc748a4e51a76caf146e71e2d",
        "78846e9c98b369493126c50c8f2b2083439140f73f111caa9a41b7311f5c3cc7",
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
