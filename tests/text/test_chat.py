"""`curate/chat` as its user sees it: shapes in; messages, answers, splits and card out; a line for each mistake."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chats import WORDS, Curated, answered, card, dropped, everything, jsonl, plain, said
from slmworks.contract.errors import BadRequest

SUM = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}]


def test_columns_and_header_are_the_agreed_ones(chat: Curated) -> None:
    data = chat({"all": jsonl(plain(40))})
    assert data.meta == {"task": "text-generation"}
    assert data.splits == ("test", "train", "validation")
    assert {split: len(data.rows(split, "id")) for split in data.splits} == {
        "train": 28, "validation": 4, "test": 8,
    }  # fmt: skip
    assert pq.read_schema(data.file("train")) == pa.schema([
        ("id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("completion", pa.string()),
        ("source", pa.string()),
    ])  # fmt: skip
    assert answered(data)["It is thing 21."] == [("user", "What is birch birch?")]
    assert chat({"all": jsonl(plain(40))}).digest == data.digest


SHAPES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], str]] = {
    "messages": (
        said(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Who?"), ("assistant", "I.")),
        [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Who?")], "I.",
    ),
    "developer and parts": (
        {"messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]},
            {"role": "assistant", "content": [{"type": "text", "value": "Hello"}]},
        ]},
        [("system", "Be brief."), ("user", "Hi there")], "Hello",
    ),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}], "system": "Be kind."},
        [("system", "Be kind."), ("user", "Hi")], "Hello",
    ),
    "sharegpt with tools": (
        {
            "conversations": [
                {"from": "human", "value": "2 + 3?"},
                {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 2, "b": 3}}'},
                {"from": "observation", "value": "5"},
                {"from": "gpt", "value": "Five."},
            ],
            "tools": '[{"name": "add"}]',
        },
        [
            ("tools", '[{"name": "add"}]'), ("user", "2 + 3?"),
            ("assistant", '[{"name": "add", "arguments": {"a": 2, "b": 3}}]'), ("tool", "5"),
        ],
        "Five.",
    ),
    "tool calls": (
        {
            "messages": [
                {"role": "system", "content": ""},
                {"role": "user", "content": "2 + 3?"},
                {"role": "assistant", "content": None, "tool_calls": SUM},
                {"role": "tool", "tool_call_id": "c1", "content": "5"},
                {"role": "assistant", "content": "Five."},
            ],
            "tools": [{"type": "function", "function": {"name": "add"}}],
        },
        [
            ("tools", '[{"type": "function", "function": {"name": "add"}}]'), ("user", "2 + 3?"),
            ("assistant", '[{"name": "add", "arguments": {"a": 2, "b": 3}}]'), ("tool", "5"),
        ],
        "Five.",
    ),
    "a call is the answer": (
        {"messages": [
            {"role": "user", "content": "2 + 3?"},
            {"role": "assistant", "content": "I add.", "tool_calls": SUM},
        ]},
        [("user", "2 + 3?")], 'I add.\n[{"name": "add", "arguments": {"a": 2, "b": 3}}]',
    ),
    "results in another order": (
        {"messages": [
            {"role": "user", "content": "both"},
            {"role": "assistant", "tool_calls": [
                {"id": "a", "function": {"name": "one", "arguments": ""}},
                {"id": "b", "function": {"name": "two", "arguments": {"x": None}}},
            ]},
            {"role": "tool", "tool_call_id": "b", "content": "of two"},
            {"role": "tool", "tool_call_id": "a", "content": "of one"},
            {"role": "assistant", "content": "Done."},
        ]},
        [
            ("user", "both"),
            ("assistant", '[{"name": "one", "arguments": {}}, {"name": "two", "arguments": {"x": null}}]'),
            ("tool", "of one"), ("tool", "of two"),
        ],
        "Done.",
    ),
    "alpaca": (
        {"instruction": "Translate.", "input": "cat", "output": "Katze", "system": "Be exact."},
        [("system", "Be exact."), ("user", "Translate.\ncat")], "Katze",
    ),
    "alpaca with history": (
        {"instruction": "And dog?", "input": "", "output": "Hund", "history": [["cat?", "Katze"]]},
        [("user", "cat?"), ("assistant", "Katze"), ("user", "And dog?")], "Hund",
    ),
    "strings": ({"prompt": "Once upon", "completion": " a time"}, [("prompt", "Once upon")], " a time"),
    "lists": (
        {"prompt": [{"role": "user", "content": "Hi"}], "completion": [{"role": "assistant", "content": "Hello"}]},
        [("user", "Hi")], "Hello",
    ),
    "text": ({"text": "All of it.\n  Indented."}, [("prompt", "")], "All of it.\n  Indented."),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_becomes_messages_and_an_answer(name: str, chat: Curated) -> None:
    row, messages, completion = SHAPES[name]
    data = chat({"all": jsonl([row, *plain(20)])})
    assert answered(data)[completion] == messages
    assert dropped(data) == {}
    assert len(everything(data, "id")) == 21


def test_parquet_and_csv_hold_the_same_conversations(chat: Curated, tmp_path: Path) -> None:
    row, messages, completion = SHAPES["tool calls"]
    asked = {"messages": [{"role": "user", "content": "2 + 3?"}, *row["messages"][2:4]]}
    asked["messages"].append({"role": "assistant", "content": "Five."})
    rows = [asked, *plain(20)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = answered(chat({"all": {"a.parquet": (tmp_path / "a.parquet").read_bytes()}}))
    assert found[completion] == messages[1:]
    cells = "".join('"' + json.dumps(one["messages"]).replace('"', '""') + '"\n' for one in rows)
    assert answered(chat({"all": {"a.csv": "messages\n" + cells}})) == found


def test_columns_are_named_and_shapes_chosen(chat: Curated) -> None:
    rows = [{"question": f"{WORDS[i]}?", "answer": f"a{i}", "text": "other"} for i in range(20)]
    named = chat({"all": jsonl(rows)}, fields={"instruction": "question", "output": "answer"})
    assert answered(named)["a3"] == [("user", "delta?")]
    assert card(named)["shapes"] == {"alpaca": 20}
    raw = chat({"all": jsonl(rows)}, inputs={"all": {"shape": "text", "fields": {"text": "question"}}})
    assert answered(raw)["delta?"] == [("prompt", "")]
    lines = chat({"all": {"a.txt": "\n".join(WORDS)}}, format="lines")
    assert answered(lines)["delta"] == [("prompt", "")]
    with pytest.raises(
        BadRequest, match=r"all/rows.jsonl: no column 'messages' \(there are: question, answer, text\)"
    ):
        chat({"all": jsonl(rows)}, shape="messages")
    with pytest.raises(BadRequest, match=r"none of the columns messages, .* \(there are: q\); name those"):
        chat({"all": jsonl([{"q": "a"}])})


def test_columns_within_objects_are_named_with_dots(chat: Curated) -> None:
    rows = [
        {
            "paper": {"lines": [f"{WORDS[i]} one.", "Two."]},
            "said": {"by": f"a{i}"},
            "x.y": i % 2,
            "n": {"m": None},
        }
        for i in range(20)
    ]
    fields = {"instruction": "paper.lines", "output": "said.by"}
    found = chat({"all": jsonl(rows)}, fields=fields, source="x.y")
    assert answered(found)["a3"] == [("user", "delta one.\nTwo.")]
    assert {row["source"] for row in everything(found, "source")} == {"0", "1"}
    for wrong in ("paper.line", "paper.lines.first", "n.m.o"):
        with pytest.raises(BadRequest, match=rf"no column '{wrong}' \(there are: paper, said, x\.y, n\)"):
            chat({"all": jsonl(rows)}, fields={**fields, "instruction": wrong})


U, A, S = ("user", "Hi"), ("assistant", "Hello"), ("system", "Be kind.")
CALL = {"role": "assistant", "content": "", "tool_calls": SUM}


def turns(*messages: Any) -> dict[str, Any]:
    return {"messages": [
        {"role": one[0], "content": one[1]} if isinstance(one, tuple) else one for one in messages
    ]}  # fmt: skip


ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
    },
}


def call(arguments: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": arguments}}]}


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "role": (turns(U, ("critic", "No."), A), "unknown role", "turn 2, 'critic'"),
    "speaker": ({"conversations": [{"from": "cat", "value": "Meow"}]}, "unknown role", "turn 1, 'cat'"),
    "two of the user": (turns(U, U, A), "roles out of order", "turn 2, of the user, follows one of the user"),
    "two answers": (turns(U, A, A), "roles out of order", "turn 3, of the assistant, follows one of the assistant"),
    "answer first": (turns(A, U, A), "roles out of order", "turn 1, of the assistant, is the first"),
    "empty answer": (turns(U, ("assistant", " \n")), "empty completion", "turn 2"),
    "empty question": (turns(("user", ""), A), "empty turn", "turn 1, user"),
    "no user": (turns(S, A), "no user turn", "none of its turns is of the user"),
    "late system": (turns(U, S, A), "system not first", "turn 2 is of the system"),
    "two systems": (turns(S, S, U, A), "system not first", "turn 2 is of the system"),
    "result alone": (turns(U, ("tool", "5"), A), "tool result without its call", "turn 2"),
    "two results": (
        turns(U, CALL, ("tool", "5"), ("tool", "6"), A), "tool result without its call", "turn 4",
    ),
    "another call's": (
        turns(U, CALL, {"role": "tool", "tool_call_id": "c9", "content": "5"}, A),
        "tool result without its call", "turn 3: no call before it has the id 'c9'",
    ),
    "no result": (
        turns(U, CALL, U, A), "tool call without its answer", "turn 3 is of the user, not the result of the call",
    ),
    "one result of two": (
        turns(U, {"role": "assistant", "tool_calls": SUM * 2}, ("tool", "5"), A),
        "tool call without its answer", "turn 4 is of the assistant, not the result of the call",
    ),
    "arguments": (turns(U, call('{"a": 2')), "tool call that is not JSON", "turn 2: the arguments of 'add'"),
    "arguments in a list": (
        turns(U, call([2, 3])), "tool call that is not JSON", "turn 2: the arguments of 'add' are no object",
    ),
    "call without a name": (
        turns(U, {"role": "assistant", "tool_calls": [{"function": {}}]}),
        "tool call that is not JSON", "turn 2: a call without a name",
    ),
    "sharegpt's call": (
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "function_call", "value": "add(2)"}]},
        "tool call that is not JSON", "turn 2",
    ),
    "image": (
        turns(("user", [{"type": "image_url", "image_url": {"url": "x"}}]), A),
        "content that is not text", "turn 1 holds a part 'image_url'",
    ),
    "number": (turns(("user", 5), A), "content that is not text", "turn 1 holds int"),
    "empty": (turns(), "empty conversation", "it has no turn"),
    "no answer": (turns(S, U), "no answer", "it has no turn of the assistant"),
    "no completion": ({"prompt": "Once"}, "no answer", "a prompt without its completion"),
    "empty text": ({"text": " "}, "empty completion", "turn 2"),
    "tools": (
        {**turns(U, A), "tools": '{"name": "add"}'},
        "tools that are no list of functions", """found '{"name": "add"}'""",
    ),
    "tool without a name": (
        {**turns(U, A), "tools": [{"type": "function", "function": {"parameters": {}}}]},
        "tools that are no list of functions", "tool 1 has no name",
    ),
    "one tool twice": (
        {**turns(U, A), "tools": [ADD, ADD]}, "tools that are no list of functions", "tool 2 has the name of another one",
    ),
    "another tool": (
        {**turns(U, CALL), "tools": [{"name": "subtract"}]}, "call of a tool that is not listed", "turn 2: 'add'",
    ),
    "an argument too few": (
        {**turns(U, call({"b": 2})), "tools": [ADD]}, "arguments that break the tool's schema", "turn 2: 'add'",
    ),
    "nothing": ({"messages": None}, "no conversation in the row", "none of its columns holds a value"),
}  # fmt: skip


PLAIN = {
    "role": ": turn 2",
    "speaker": ": turn 1",
    "another call's": ": turn 3: no call before it has its id",
    "image": ": turn 1 holds a part that is no text",
    "tools": "",
    "another tool": ": turn 2",
    "an argument too few": ": turn 2",
}
"""What a card says where the error quotes the row: values of cells may be personal."""


@pytest.mark.parametrize("name", BAD)
def test_a_row_that_breaks_a_rule_is_counted_or_refused(name: str, chat: Curated) -> None:
    row, reason, detail = BAD[name]
    files = jsonl([*plain(20), row])
    data = chat({"all": files})
    assert dropped(data) == {reason: 1}
    assert len(everything(data, "id")) == 20
    where = f"all/rows.jsonl:21: {reason}: {detail}"
    first = f"all/rows.jsonl:21: {reason}{PLAIN.get(name, f': {detail}')}"
    assert card(data)["warnings"] == [f"rows dropped, {reason}: 1; the first: {first}"]
    with pytest.raises(BadRequest) as caught:
        chat({"all": files}, bad_rows="refuse")
    assert str(caught.value) == f"{where}; mend the row, or set bad_rows: drop."


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$schema": 5},
        {"$ref": "https://example.com/a"},
        {"properties": {"b": {"type": "string", "pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": {"type": "string"}}},
    ],
)
def test_a_schema_that_cannot_be_followed_is_left_alone(schema: dict[str, Any], chat: Curated) -> None:
    name = "a" * 40 + "!"
    tool = {"name": "add", "parameters": schema}
    data = chat({"all": jsonl([*plain(20), {**turns(U, call({"b": name, name: "x"})), "tools": [tool]}])})
    assert dropped(data) == {}
    assert len(everything(data, "id")) == 21


def test_an_argument_may_be_called_pattern(chat: Curated) -> None:
    find = {"name": "add", "parameters": {"properties": {"pattern": {"type": "string"}}}}
    data = chat({"all": jsonl([*plain(20), {**turns(U, call({"pattern": 5})), "tools": [find]}])})
    assert dropped(data) == {"arguments that break the tool's schema": 1}


def test_an_input_of_bad_rows_is_refused(chat: Curated) -> None:
    with pytest.raises(BadRequest) as caught:
        chat({"all": jsonl([*plain(20), *[turns(U, U, A)] * 10])})
    assert str(caught.value) == (
        "all: 10 of 30 rows can't be used (roles out of order 10), more than 30 %. The first: all/rows.jsonl:21: "
        "roles out of order: turn 2, of the user, follows one of the user. Mend the file or the options, or "
        "allow it with max_unusable."
    )
