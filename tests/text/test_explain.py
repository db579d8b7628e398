"""What a curation did to one row, as a person is told."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Stage
from slmworks.testing import Bench, sealed
from slmworks_text.curate import CurateText
from slmworks_text.curate_chat import CurateChat
from slmworks_text.explain.explained import explained

Explain = Callable[..., str]

ROWS = [
    {"text": f"where is parcel number {i} that I ordered on {i % 7} May", "label": "ab"[i % 2]}
    for i in range(24)
]
ROWS += [
    {"text": "WHERE is parcel number 3 that I ordered on 3 May", "label": "b"},  # 25
    {"text": "where is parcel number 3 that I ordered on 3 May, please tell me today", "label": "b"},  # 26
    {"text": "same text", "label": "a"},  # 27
    {"text": "Same text", "label": "b"},  # 28
    {"text": "itâ€™s at ann@example.org, tell me about it", "label": "a"},  # 29
    {"text": "nobody said", "label": None},  # 30
    {"text": "one", "label": "a"},  # 31
    {"text": "it is  damn late, and nobody in this shop tells me why", "label": "a"},  # 32
]
GIVEN = [{"text": "given for validation", "label": "a"}, {"text": "and another", "label": "b"}]
OPTIONS: dict[str, Any] = {
    "redact": ("email",),
    "near_duplicates": 0.6,
    "min_chars": 5,
    "operators": [{"words": {"words": ["damn"]}}, {"secrets": {}}],
}


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """Explain a row of files: input -> file -> rows."""
    numbers = itertools.count()

    def run(plugin: Stage, asked: str, **inputs: dict[str, list[Any]]) -> str:
        folder = tmp_path / "raw"
        for name, files in inputs.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            for file, rows in files.items():
                (folder / name / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
        task = Bench(tmp_path / "bench").task(f"explain{next(numbers)}")
        return "\n".join(
            f"{name}: {said}" for name, said in explained(plugin, asked, sealed(Files(path=folder)), {}, task)
        )

    return run


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("all:25", "duplicates: dropped: equal to a row that is kept: all/rows.jsonl row 4 (b): where is parcel number 3"),
        ("all:26", "near duplicates: dropped: near a row that is kept: all/rows.jsonl row 4 (b), similarity 0.6"),
        ("all:27", "duplicates: dropped: conflicting labels; has the same text: all/rows.jsonl row 28 (b): Same text"),
        ("all:29", "redact: personal data redacted: it’s at <EMAIL>, tell me about it"),
        ("all:30", "read: dropped: no label"),
        ("all:31", "limits: dropped: too short"),
        ("all:32", "words: dropped: listed word ('damn')"),
        ("DAMN LATE", "row: all/rows.jsonl:32 (all:32)"),
        ("number 1", "the first that holds it; others: all:11, all:12, all:13 and 7 more"),
        ("all/rows.jsonl:29", "normalise: normalised: it’s at ann@example.org"),
        ("all:5", "split: "),
    ],
)  # fmt: skip
def test_rows_of_text(explain: Explain, asked: str, expected: str) -> None:
    found = explain(CurateText(**OPTIONS), asked, all={"rows.jsonl": ROWS})
    assert expected in found


def test_a_row_out_of_scope(explain: Explain) -> None:
    rows = [*ROWS[:24], *({"text": f"number {i} of another kind", "label": "oos"} for i in range(6))]
    given = {"rows.jsonl": rows[24:]}
    found = explain(CurateText(out_of_scope=["oos"]), "all:25", all={"rows.jsonl": rows})
    assert "read: source all · out of scope" in found
    assert "split: out_of_scope_" in found
    found = explain(CurateText(), "out_of_scope:2", all={"rows.jsonl": rows[:24]}, out_of_scope=given)
    assert "split: out_of_scope_" in found


def test_a_kept_row_names_those_left_out_for_it(explain: Explain) -> None:
    found = explain(CurateText(near_duplicates=0.6), "all:4", all={"rows.jsonl": ROWS[:27]})
    dropped = explain(CurateText(near_duplicates=0.6), "all:25", all={"rows.jsonl": ROWS[:27]})
    owner, other = (found, dropped) if "split: " in found else (dropped, found)
    assert "kept; left out for it: all/rows.jsonl row " in owner
    assert "dropped: equal to a row that is kept" in other


def test_the_split_is_that_of_the_result(explain: Explain, curate: Callable[..., Any]) -> None:
    data = curate({"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS)}}, **OPTIONS)
    splits = {row["id"]: split for split in data.splits for row in data.rows(split, "id")}
    for number in (1, 6, 11, 29):
        said = explain(CurateText(**OPTIONS), f"all:{number}", all={"rows.jsonl": ROWS}).splitlines()[-1]
        split, _, id_ = said.removeprefix("split: ").partition(", id ")
        assert splits[id_] == split


def test_overlaps_say_with_what(explain: Explain) -> None:
    test = [
        {"text": "which of these many towns lies nearest to the border of the kingdom", "label": "a"},
        {"text": "no", "label": "b"},
    ]
    rows = [*ROWS[:24], {"text": f"so {test[0]['text']} then", "label": "a"}]
    plugin = CurateText(decontaminate={"ngram": 8})
    found = explain(
        plugin,
        "train:25",
        train={"rows.jsonl": rows},
        test={"rows.jsonl": test},
        validation={"rows.jsonl": GIVEN},
    )
    assert "decontaminate: dropped: overlaps with test (75% of its n-grams are there)" in found


def test_several_files_of_an_input(explain: Explain) -> None:
    files = {"a.jsonl": ROWS[:12], "b.jsonl": ROWS[12:24]}
    assert "row: all/b.jsonl:1 (all:13)" in explain(CurateText(), "all:13", all=files)
    assert "row: all/b.jsonl:2 (all:14)" in explain(CurateText(), "all/b.jsonl:2", all=files)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("al:3", "no input of rows named 'al'. Did you mean 'all'?"),
        ("all:99", "all has rows 1 to 24."),
        ("all:0", "all has rows 1 to 24."),
        ("all/rows.json:3", "no file 'rows.json' in all. Did you mean 'all/rows.jsonl'?"),
        ("nothing like it", "no row holds 'nothing like it'; name one by its number, such as all:1."),
        (" ", "name a row, INPUT:NUMBER, or text that it holds."),
    ],
)
def test_rows_that_are_not_there(explain: Explain, asked: str, problem: str) -> None:
    with pytest.raises(BadRequest) as refused:
        explain(CurateText(), asked, all={"rows.jsonl": ROWS[:24]})
    assert problem in str(refused.value)


CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"what is the number {i}?"},
            {"role": "assistant", "content": f"it is {i} of 9"},
        ]
    }
    for i in range(30)
]
CHATS += [CHATS[2], {"messages": [{"role": "assistant", "content": "hello"}]}]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("all:3", "all:31"),
        ("all:32", "read: dropped: "),
        ("all:6", "words: dropped: listed word ('5'"),
        ("all:8", "user: what is the number 7?"),
    ],
)
def test_conversations(explain: Explain, asked: str, expected: str) -> None:
    plugin = CurateChat(operators=[{"words": {"words": ["5"], "roles": ["user"]}}], keep_templates=False)
    found = explain(plugin, asked, all={"rows.jsonl": CHATS})
    if asked == "all:3":
        found += explain(plugin, expected, all={"rows.jsonl": CHATS})
        expected = "duplicates: dropped: equal to a row that is kept: all/rows.jsonl row "
    assert expected in found
