"""OpenAI's form: conversations with tools both ways, and calls in an answer that is still being written."""

import json
from typing import Any

import pytest

from slmworks.contract.generation import By, Generated, Piece, Unsupported
from slmworks.model_tasks.text_generation.openai_bodies import ChatRequest, CompletionRequest
from slmworks.model_tasks.text_generation.openai_tools import Split, split
from slmworks.model_tasks.text_generation.openai_wanted import chat, completion

ADD = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}},
}
CALLS = '[{"name": "add", "arguments": {"a": 2, "b": "é"}}]'
HI = {"role": "user", "content": "2 + é?"}
BY = By("calc", 3, "abc")


def messages(*turns: dict[str, Any], **more: Any) -> Any:
    (row, _), *_ = chat(ChatRequest.model_validate({"messages": list(turns), **more})).choices
    return row["messages"]


def call(number: str, **arguments: Any) -> dict[str, Any]:
    return {"id": number, "type": "function", "function": {"name": "add", "arguments": json.dumps(arguments)}}


def test_a_conversation_with_calls_is_as_training_data_have_it() -> None:
    turns = [
        {"role": "developer", "content": "Be brief."},
        HI,
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [call("x", a=1), call("y", a=2)],
            "refusal": None,
        },
        {"role": "tool", "content": "two", "tool_call_id": "y"},
        {"role": "tool", "content": "one", "tool_call_id": "x"},
    ]
    assert messages(*turns, tools=[ADD]) == [
        {"role": "tools", "content": json.dumps([ADD])},
        {"role": "system", "content": "Be brief."},
        HI,
        {"role": "assistant", "content": 'Let me see.\n[{"name": "add", "arguments": {"a": 1}}, {"name": "add", "arguments": {"a": 2}}]'},
        {"role": "tool", "content": "one"},
        {"role": "tool", "content": "two"},
    ]  # fmt: skip
    assert messages(*turns)[0]["role"] == "system"
    assert messages(*turns, tools=[ADD], tool_choice="none")[0]["role"] == "system"


def test_parts_of_a_text_are_one_text() -> None:
    parts = [{"type": "text", "text": "ab"}, {"type": "text", "text": " cd"}]
    assert messages({"role": "user", "content": parts}) == [{"role": "user", "content": "ab cd"}]


@pytest.mark.parametrize(
    ("turns", "line"),
    [
        ([HI, {"role": "assistant", "content": ""}, HI], "message 2 is an empty answer"),
        ([{**HI, "tool_calls": [call("x")]}], "message 1: calls are the assistant's"),
        ([HI, HI], "message 2 has the role 'user' behind 'user'; assistant goes there"),
        ([HI, {"role": "system", "content": "a"}], "message 2 has the role 'system' behind 'user'"),
        ([HI, {"role": "assistant", "content": "a"}], "the last message is of the role 'assistant'"),
    ],
)
def test_turns_out_of_order(turns: list[Any], line: str) -> None:
    with pytest.raises(Unsupported, match=line):
        messages(*turns)


def test_choices_have_seeds_of_their_own_and_prompts_are_counted_once() -> None:
    wanted = completion(CompletionRequest(prompt=["a", "b"], n=2, seed=5))
    assert [settings.seed for _, settings in wanted.choices] == [5, 6, 5, 6]
    reply = wanted.reply(BY)
    for place in range(4):
        list(reply.piece(place, Piece("x")))
        list(reply.ended(place, Generated({"text": "x"}, "stop", 7, 10 + place, 3)))
    usage = reply.whole()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (22, 28, 50)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 6}


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        (CALLS, "", 1),
        ("  \n" + CALLS + "\n", "", 1),
        ("I add.\n" + CALLS, "I add.", 1),
        ("I add.\n\n[\n  " + CALLS[1:], "I add.", 1),
        (CALLS[:-1] + ", " + CALLS[1:], "", 2),
        ("I add " + CALLS, None, 0),
        (CALLS.replace("add", "rm"), None, 0),
        (CALLS[:-1], None, 0),
        ("[1, 2]", None, 0),
        ("[]", None, 0),
        ("a\n[not yet\nb\n\n[c]", None, 0),
        ('[{"name": "add"}]', "", 1),
        ('[{"name": "add", "arguments": 3}]', None, 0),
    ],
)  # fmt: skip
def test_calls_in_an_answer_whole_or_as_it_comes(text: str, said: str | None, calls: int) -> None:
    said = text if said is None else said
    found, whole = split(text, ["add"])
    assert (found, len(whole)) == (said, calls)
    for size in (1, 2, 5, 100):
        stream = Split(["add"])
        pieces = [stream.take(text[at : at + size]) for at in range(0, len(text), size)]
        rest, streamed = stream.rest()
        assert ("".join(pieces) + rest, len(streamed)) == (said, calls), size
    for one in whole:
        json.loads(one["function"]["arguments"])


def test_an_empty_list_is_no_call_and_without_tools_nothing_is() -> None:
    assert split(CALLS, []) == (CALLS, [])
    assert Split([]).take(CALLS) == CALLS


def test_calls_come_back_as_openai_has_them() -> None:
    body = {"messages": [HI], "tools": [ADD], "stream": True}
    reply = chat(ChatRequest.model_validate(body)).reply(BY)
    events = [
        event for part in ("I add.", "\n", CALLS[:9], CALLS[9:]) for event in reply.piece(0, Piece(part))
    ]
    events += reply.ended(0, Generated({"text": f"I add.\n{CALLS}"}, "stop", 7, 10, 3))
    deltas = [event["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content") or "" for delta in deltas) == "I add."
    (called,) = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert (called[0]["index"], called[0]["function"]["name"]) == (0, "add")
    assert json.loads(called[0]["function"]["arguments"]) == {"a": 2, "b": "é"}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    (choice,) = reply.whole()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("I add.", "tool_calls")
    assert choice["message"]["tool_calls"][0]["function"] == called[0]["function"]
