"""What stands before a conversation, as pure data: turns, order, schemas, and a module that can be carried."""

import ast
import json
from typing import Any

import numpy as np
import pytest

from slmworks.model_tasks.text_generation.in_context import InContext
from slmworks.model_tasks.text_generation.inferred_schema import schema_of
from slmworks.model_tasks.text_generation.json_answers import follows, schema_problem
from slmworks.model_tasks.text_generation.messages import problem
from slmworks.registry.standalone import standalone_source


def turns(*said: str) -> list[dict[str, str]]:
    return [dict(zip(("role", "content"), one.split(": ", 1), strict=True)) for one in said]


EXAMPLES = (
    {"messages": turns("system: old", "user: one"), "completion": "1"},
    {"messages": turns("user: two", "assistant: []", "tool: x"), "completion": "2"},
)


def test_examples_stand_as_turns_behind_instructions_and_tools() -> None:
    found = InContext("Count.", EXAMPLES, 2)
    row = {"messages": turns("tools: []", "system: Briefly.", "user: three"), "id": "a"}
    asked = found.row(row)
    assert asked["id"] == "a"
    assert asked["messages"] == turns(
        "tools: []", "system: Count.\n\nBriefly.", "user: one", "assistant: 1", "user: two", "assistant: []", "tool: x",
        "assistant: 2", "user: three",
    )  # fmt: skip
    assert problem(asked["messages"]) == ""
    assert found.row(row, found.chosen(row)[:1])["messages"][2:4] == turns("user: one", "assistant: 1")
    assert InContext().row(row) is row
    with pytest.raises(ValueError, match="the row is raw text"):
        found.row({"messages": turns("prompt: once")})
    assert InContext().row({"messages": turns("prompt: once")})["messages"] == turns("prompt: once")


@pytest.mark.parametrize("kind", [tuple, lambda said: np.array(said, dtype=object)], ids=["tuple", "array"])
def test_messages_may_be_an_array_as_mlflow_gives_them(kind: Any) -> None:
    found, said = InContext("Count.", EXAMPLES, 2), turns("user: three")
    assert found.row({"messages": kind(said)}) == found.row({"messages": said})
    assert len(found.row({"messages": kind(said)})["messages"]) == 8


@pytest.mark.parametrize(
    "wrong", [None, 3, "Hi", {}, [], ["Hi"], [{"role": "user"}], turns("assistant: first")], ids=str
)
def test_a_conversation_that_is_none_is_left_to_the_prompt(wrong: Any) -> None:
    row = {"messages": wrong}
    assert InContext("Count.", EXAMPLES, 2).row(row) is row
    assert InContext("Count.", EXAMPLES, 2).row({}) == {}


def test_too_many_examples_are_said_with_the_number_that_fits() -> None:
    found = InContext("", EXAMPLES, 2)
    row = {"messages": turns("user: three")}

    def encode(row: Any) -> list[int]:
        return [0] * 10 * len(row["messages"])

    assert len(found.encode(row, encode, 0)) == len(found.encode(row, encode, 71)) == 70
    with pytest.raises(
        ValueError, match="with 2 examples the prompt has 70 tokens.* reads 70 .*: 1 of the examples fit"
    ):
        found.encode(row, encode, 70)
    assert len(found.encode(row, encode, 10)) == 70  # not even the question: its runtime says that


def test_a_file_comes_back_as_it_was(tmp_path: Any) -> None:
    schema = {"type": "object", "properties": {"z": {}, "a": {}}}
    found = InContext("Zähle.", EXAMPLES, 1, True, "schema", schema)
    found.write(tmp_path)
    assert InContext.read(tmp_path) == found
    assert list(InContext.read(tmp_path).json_schema({"messages": []}) or {})[:2] == ["type", "properties"]
    assert InContext.read(tmp_path / "nowhere") == InContext()


def test_the_rows_schema_comes_before_the_models() -> None:
    held = InContext(grammar="schema", schema={"type": "array"})
    assert (held.json_schema({"schema": '{"type": "null"}'}) or {})["type"] == "null"
    assert (held.json_schema({"schema": ""}) or {})["type"] == "array"
    assert InContext(grammar="schema").json_schema({}) is None
    assert InContext(schema={"type": "array"}).json_schema({"schema": "{}"}) is None
    assert (InContext(grammar="object").json_schema({"schema": '{"type": "null"}'}) or {})["type"] == "object"
    with pytest.raises(ValueError, match="the row's schema is no JSON"):
        held.json_schema({"schema": "{"})


def test_it_can_be_carried_where_slmworks_is_not() -> None:
    source = standalone_source(InContext)
    imported = {one.module for one in ast.walk(ast.parse(source)) if isinstance(one, ast.ImportFrom)}
    assert not any((name or "").startswith("slmworks") for name in imported)


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ([{"a": 1, "b": "x"}, {"b": "y", "c": None}], {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "null"}},
            "required": ["b"],
            "additionalProperties": False,
        }),
        ([[1, 2.5], []], {"type": "array", "items": {"type": "number"}}),
        ([[]], {"type": "array"}),
        ([[True, "x", 1]], {"type": "array", "items": {"type": ["boolean", "string", "integer"]}}),
        ([["x", [1]]], {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]}}),
    ],
)  # fmt: skip
def test_a_schema_of_values_says_types_and_keys(values: list[Any], schema: dict[str, Any]) -> None:
    found = schema_of(values)
    assert found == schema
    assert schema_problem(json.dumps(found)) == ""
    assert all(follows(value, json.dumps(found)) for value in values)
