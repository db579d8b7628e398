"""`curate/preferences` as its user sees it: pairs in all shapes, duplicates, splits, card, a line for each mistake."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chats import WORDS, Curated, card, dropped, everything, jsonl
from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest

SHARED = Path(os.environ.get("SLMWORKS_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def question(number: int) -> str:
    return f"What is {WORDS[number % 20]} {WORDS[number // 20]}?"


def plain(count: int) -> list[dict[str, Any]]:
    return [
        {"prompt": question(i), "chosen": f"It is thing {i}.", "rejected": f"Who cares for {i}?"}
        for i in range(count)
    ]


def only(data: Any, rejected: str) -> tuple[list[tuple[str, str]], str]:
    """Roles and contents, and the better answer, of the row with this worse one."""
    (row,) = (
        row for row in everything(data, "messages", "completion", "rejected") if row["rejected"] == rejected
    )
    return [(turn["role"], turn["content"]) for turn in row["messages"]], row["completion"]


def test_columns_and_header_are_the_agreed_ones(preferences: Curated) -> None:
    data = preferences({"all": jsonl(plain(40))})
    assert data.meta == {"task": "text-generation"}
    assert {split: len(data.rows(split, "id")) for split in data.splits} == {
        "train": 28, "validation": 4, "test": 8,
    }  # fmt: skip
    assert pq.read_schema(data.file("train")) == pa.schema([
        ("id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("completion", pa.string()),
        ("source", pa.string()),
        ("rejected", pa.string()),
    ])  # fmt: skip
    assert only(data, "Who cares for 21?") == ([("user", "What is birch birch?")], "It is thing 21.")
    assert preferences({"all": jsonl(plain(40))}).digest == data.digest
    task = catalog.model_task("text-generation")
    for split in data.splits:
        task.check(data, split, data.rows(split, "id", "messages", "completion", "rejected"))
    found = card(data)["splits"]["train"]
    assert found["rejected"]["words"]["max"] == 4
    assert found["target"]["words"]["max"] == 4


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


LONG = [("user", "Hi"), ("assistant", "Hello"), ("user", "Who?")]
SHAPES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "a prompt": ({"prompt": "Who?", "chosen": "I.", "rejected": "No."}, [("user", "Who?")]),
    "a prompt with a system part": (
        {"system": "Be brief.", "prompt": "Who?", "chosen": "I.", "rejected": "No."},
        [("system", "Be brief."), ("user", "Who?")],
    ),
    "a prompt of messages": (
        {"prompt": [user("Who?")], "chosen": [assistant("I.")], "rejected": [assistant("No.")]},
        [("user", "Who?")],
    ),
    "a prompt, and whole conversations behind it": (
        {
            "prompt": "Who?", "messages": [user("Who?"), assistant("I.")],
            "chosen": [user("Who?"), assistant("I.")], "rejected": [user("Who?"), assistant("No.")],
        },
        [("user", "Who?")],
    ),
    "conversations as text": (
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Who?\n\nAssistant: I.",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Who?\n\nAssistant: No.",
        },
        LONG,
    ),
    "conversations as lists": (
        {
            "chosen": [user("Hi"), assistant("Hello"), user("Who?"), assistant("I.")],
            "rejected": [user("Hi"), assistant("Hello"), user("Who?"), assistant("No.")],
        },
        LONG,
    ),
    "ShareGPT": (
        {
            "conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Who?"}],
            "chosen": {"from": "gpt", "value": "I."}, "rejected": {"from": "gpt", "value": "No."},
        },
        [("system", "Be brief."), ("user", "Who?")],
    ),
    "Alpaca": (
        {"instruction": "Say", "input": "who.", "chosen": "I.", "rejected": "No."}, [("user", "Say\nwho.")]
    ),
    "messages with tools": (
        {"messages": [user("Who?")], "tools": [{"name": "f"}], "chosen": "I.", "rejected": "No."},
        [("tools", '[{"name": "f"}]'), ("user", "Who?")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_recognised(name: str, preferences: Curated) -> None:
    row, messages = SHAPES[name]
    data = preferences({"one": jsonl([row]), "more": jsonl(plain(20))})
    assert only(data, "No.") == (messages, "I.")


def test_json_answers_stay_text_whatever_their_keys_are_called(preferences: Curated) -> None:
    row = {"prompt": "Fly?", "chosen": '{"from": "Rome", "to": "Oslo"}', "rejected": '[{"from": "Oslo"}]'}
    data = preferences({"one": jsonl([row]), "more": jsonl(plain(20))})
    assert only(data, '[{"from": "Oslo"}]') == ([("user", "Fly?")], '{"from": "Rome", "to": "Oslo"}')


def test_raw_prompts_are_taken_where_that_is_asked_for(preferences: Curated) -> None:
    data = preferences({"all": jsonl(plain(20))}, shape="raw")
    assert only(data, "Who cares for 3?")[0] == [("prompt", question(3))]


def test_columns_may_be_called_otherwise(preferences: Curated) -> None:
    rows = [{"q": one["prompt"], "good": one["chosen"], "bad": one["rejected"]} for one in plain(20)]
    data = preferences({"all": jsonl(rows)}, fields={"prompt": "q", "chosen": "good", "rejected": "bad"})
    assert only(data, "Who cares for 3?")[1] == "It is thing 3."


# --- duplicates, splits, cleaning --------------------------------------------------------------------


def test_pairs_of_one_prompt_stay_in_one_split_and_only_equal_ones_go(preferences: Curated) -> None:
    rows = [
        {"prompt": one["prompt"], "chosen": one["chosen"], "rejected": f"{one['rejected']} {more}"}
        for one in plain(20)
        for more in ("no", "never", "never")
    ]
    data = preferences({"all": jsonl(rows)})
    assert dropped(data) == {"duplicate": 20}
    splits: dict[str, set[str]] = {}
    for split in data.splits:
        for row in data.rows(split, "messages"):
            splits.setdefault(row["messages"][0]["content"], set()).add(split)
    assert len(splits) == 20
    assert all(len(found) == 1 for found in splits.values())


def test_personal_data_leave_both_answers(preferences: Curated) -> None:
    row = {"prompt": "Mail?", "chosen": "To ann@example.org.", "rejected": "To bob@example.org, now!"}
    data = preferences({"one": jsonl([row]), "more": jsonl(plain(20))}, redact=["email"])
    assert only(data, "To <EMAIL>, now!")[1] == "To <EMAIL>."


def test_a_pair_that_differs_in_personal_data_only_is_dropped(preferences: Curated) -> None:
    row = {"prompt": "Mail?", "chosen": "To ann@example.org.", "rejected": "To bob@example.org."}
    data = preferences({"one": jsonl([row]), "more": jsonl(plain(20))}, redact=["email"])
    assert dropped(data) == {"equal chosen and rejected": 1}


def test_the_longer_answer_counts(preferences: Curated) -> None:
    row = {"prompt": "Why?", "chosen": "So.", "rejected": "so " * 30}
    data = preferences({"one": jsonl([row]), "more": jsonl(plain(20))}, max_tokens=20)
    assert dropped(data) == {"too long": 1}


# --- what is refused ---------------------------------------------------------------------------------

HUMAN = "\n\nHuman: Who?\n\nAssistant: "
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no rejected": ({"prompt": "Who?", "chosen": "I."}, "no rejected answer", ""),
    "no chosen": ({"prompt": "Who?", "rejected": "I."}, "no answer", "no chosen"),
    "nothing": ({"other": "x"}, "no conversation in the row", "neither chosen nor rejected holds a value"),
    "an empty answer": ({"prompt": "Who?", "chosen": "I.", "rejected": " "}, "empty completion", "rejected"),
    "another prompt": (
        {"chosen": f"{HUMAN}I.", "rejected": "\n\nHuman: What?\n\nAssistant: No."},
        "no common prompt", "chosen and rejected differ from turn 1 on",
    ),
    "another length": (
        {"chosen": f"{HUMAN}I.", "rejected": f"{HUMAN}I.\n\nHuman: So?\n\nAssistant: No."},
        "no common prompt", "chosen and rejected differ from turn 2 on",
    ),
    "a question at the end": (
        {"chosen": f"{HUMAN}I.", "rejected": f"{HUMAN}I.\n\nHuman: Sure?"},
        "last turn not of the assistant", "rejected ends with a turn of the user",
    ),
    "a text without turns": (
        {"chosen": "I.", "rejected": "No."},
        "content that is not text", "chosen does not begin with 'Human:', and there is no prompt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_pair_is_counted_and_named_by_file_and_line(name: str, preferences: Curated) -> None:
    row, reason, detail = BAD[name]
    data = preferences({"all": jsonl([*plain(20), row])})
    assert dropped(data) == {reason: 1}
    (warning,) = card(data)["warnings"]
    assert warning.startswith(f"rows dropped, {reason}: 1; the first: all/rows.jsonl:21: {reason}")
    assert warning.endswith(detail)
    with pytest.raises(BadRequest, match=f"all/rows.jsonl:21: {reason}.*bad_rows: drop") as refused:
        preferences({"all": jsonl([*plain(20), row])}, bad_rows="refuse")
    assert "\n" not in str(refused.value)


def test_equal_answers_are_counted_and_refused_only_where_nothing_else_is_left(preferences: Curated) -> None:
    same = [{**one, "rejected": one["chosen"]} for one in plain(60)[20:]]
    data = preferences({"all": jsonl([*plain(20), *same])})
    assert dropped(data) == {"equal chosen and rejected": 40}
    with pytest.raises(
        BadRequest, match="no conversation to train on: 40 rows read .*equal chosen and rejected"
    ):
        preferences({"all": jsonl(same)})


def test_files_without_rejected_answers_are_refused_by_line(preferences: Curated) -> None:
    rows = [{"prompt": one["prompt"], "chosen": one["chosen"]} for one in plain(20)]
    with pytest.raises(
        BadRequest, match="20 of 20 rows can't be used .*all/rows.jsonl:1: no rejected answer"
    ):
        preferences({"all": jsonl(rows)})


# --- published data ----------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "hh_rlhf").exists(), reason="needs hh_rlhf; set SLMWORKS_DATA")
def test_published_pairs_are_read(preferences: Curated) -> None:
    with gzip.open(SHARED / "hh_rlhf/test.jsonl.gz") as file:
        lines = b"".join(line for _, line in zip(range(400), file, strict=False))
    listed = json.loads((SHARED / "llamafactory_demo/dpo_en_demo.json").read_text())
    data = preferences({"hh": {"test.jsonl": lines}, "demo": {"dpo.json": json.dumps(listed)}})
    assert card(data)["shapes"]["sharegpt"] == 300
    assert card(data)["shapes"]["dialogues"] > 390
    for row in everything(data, "messages", "completion", "rejected"):
        assert row["messages"][-1]["role"] == "user"
        assert not row["rejected"].startswith(" ")
        assert row["completion"] != row["rejected"]
