"""Cells that hold something odd: blanks, NaN, halves of pairs, parts of another shape, JSON that is none."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chats import WORDS, Curated, answered, card, dropped, everything, jsonl, plain
from slmworks.contract.errors import BadRequest
from slmworks_text.conversations.cleaning import repaired


def test_a_blank_cell_chooses_no_shape(chat: Curated) -> None:
    lines = "".join(f'"",,{WORDS[i]}\n' for i in range(20))
    found = chat({"all": {"a.csv": f"prompt,completion,text\n{lines}"}})
    assert card(found)["shapes"] == {"text": 20}
    assert answered(found)["delta"] == [("prompt", "")]


def test_a_number_that_is_none_is_missing(chat: Curated, tmp_path: Path) -> None:
    rows = [{"instruction": word, "input": math.nan, "output": f"of {word}"} for word in WORDS]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = chat({"all": {"a.parquet": (tmp_path / "a.parquet").read_bytes()}})
    assert answered(found)["of delta"] == [("user", "delta")]


def test_a_text_takes_no_column_of_a_chat(chat: Curated) -> None:
    rows = [{"text": word, "system": "Be kind.", "tools": "[]"} for word in WORDS]
    assert answered(chat({"all": jsonl(rows)}))["delta"] == [("prompt", "")]


def test_raw_prompts_have_no_tools(chat: Curated) -> None:
    row = {"prompt": "Once", "completion": " upon", "tools": [{"name": "add"}]}
    found = chat({"all": jsonl([*plain(20), row])})
    assert dropped(found) == {"tools that are no list of functions": 1}


def test_a_transfer_row_without_text_is_dropped(chat: Curated) -> None:
    found = chat(
        {"all": jsonl(plain(20)), "transfer": jsonl([{"prompt": ""}, {"prompt": "a"}])}, max_unusable=0.5
    )
    assert [row["messages"] for row in found.rows("transfer", "messages")] == [
        [{"role": "prompt", "content": "a"}]
    ]
    assert dropped(found) == {"empty conversation": 1}


@pytest.mark.parametrize("arguments", ['{"a": NaN}', '{"a": -Infinity}', {"a": math.inf}])
def test_arguments_without_a_value_in_json_are_none(arguments: Any, chat: Curated) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": arguments}}]}
    found = chat({"all": jsonl([*plain(20), {"messages": [{"role": "user", "content": "Hi"}, call]}])})
    assert dropped(found) == {"tool call that is not JSON": 1}


def test_half_of_a_pair_is_dropped_where_it_is_not_repaired(chat: Curated) -> None:
    rows = jsonl([*plain(20), {"prompt": "Hi \ud83d", "completion": "you"}])
    inputs = {"all": rows}
    found = chat(inputs, normalise=False)
    assert dropped(found) == {"content that is not text": 1}
    assert card(found)["warnings"][0].endswith("half of a surrogate pair ('\\ud83d')")
    assert len(everything(chat(inputs), "id")) == 21


def test_repair_keeps_json_what_it_is() -> None:
    text = json.dumps({"a": "one\u2028two"}, ensure_ascii=False)
    assert repaired(text) == text
    assert repaired("one\u2028two") == "one\ntwo"


@pytest.mark.parametrize("option", ["group", "template", "source"])
def test_a_list_names_no_group(option: str, chat: Curated) -> None:
    rows = [{**row, "g": ["a"]} for row in plain(20)]
    with pytest.raises(
        BadRequest, match=rf"all/rows.jsonl:1: the {option} is a list, not text; set {option} to"
    ):
        chat({"all": jsonl(rows)}, **{option: "g"})
