"""A hosted model's runtime, asked of servers that fail in every way that servers do."""

import json
import threading
import time

import pytest
from faulty import KEY, Faulty, close, hang, in_turn, reply, said

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.generation import By, Settings
from slmworks.contract.runtime import Writing, open_runtime

PRICES = {"prompt": 2.0, "answer": 8.0, "currency": "USD"}


def row(text="hello"):
    return {"messages": [{"role": "user", "content": text}]}


def rows(count):
    return [(row(str(number)), Settings()) for number in range(count)]


def opened(model, server, **keys):
    return open_runtime(model(server.address, **keys), threads=1, model_task="text-generation")


def written(runtime, asked):
    found = {}
    runtime.write(asked, found.__setitem__)
    return [found[place] for place in range(len(asked))]


def refusal(model, answer, **keys):
    with Faulty(answer) as server, pytest.raises((BadRequest, TaskFailed)) as caught:
        written(opened(model, server, **keys), rows(1))
    assert "\n" not in str(caught.value)
    return caught.value, server


def test_a_row_is_answered_and_its_price_follows_from_its_tokens(model, key):
    with Faulty() as server:
        runtime = opened(model, server, key="env:BIG_KEY", prices=PRICES)
        assert isinstance(runtime, Writing)
        (found,) = written(
            runtime, [(row(), Settings(max_tokens=7, seed=3, stop=("x",), top_p=0.9, temperature=1.0))]
        )
        assert (found.answer["text"], found.finish, found.tokens, found.prompt_tokens) == (
            "to hello",
            "stop",
            5,
            10,
        )
        assert found.by == By("big", 0, "")
        assert runtime.price(found) == pytest.approx((10 * 2 + 5 * 8) / 1e6)
        ((path, body, authorization),) = server.asked
        assert path == "/v1/chat/completions"
        assert authorization == f"Bearer {KEY}"
        assert body == {
            "model": "big", "messages": row()["messages"], "max_tokens": 7, "temperature": 1.0, "top_p": 0.9,
            "seed": 3, "stop": ["x"],
        }  # fmt: skip


def test_answers_are_the_likeliest_and_in_order(model):
    with Faulty() as server:
        found = opened(model, server, prices=PRICES).answer([row(str(number)) for number in range(20)])
        assert [one["text"] for one in found] == [f"to {number}" for number in range(20)]
        assert 0 < found[0]["seconds"] < 60
        assert found[0] == {
            "seconds": found[0]["seconds"],
            "text": "to 0",
            "finish": "stop",
            "tokens": 5,
            "prompt_tokens": 10,
            "money": pytest.approx(6e-5),
        }
        assert {(body["temperature"], body["max_tokens"]) for _, body, _ in server.asked} == {(0.0, 256)}


def test_raw_text_goes_to_completions_and_a_schema_becomes_a_response_format(model):
    schema = {"type": "object", "properties": {}}

    def answer(handler, body):
        if handler.path.endswith("/v1/completions"):
            handler.send(200, reply() | {"choices": [{"text": " on", "finish_reason": "length"}]})
        else:
            handler.send(200, reply("{}"))

    with Faulty(answer) as server:
        raw = {"messages": [{"role": "prompt", "content": "go"}]}
        runtime = opened(model, server, length_field="max_completion_tokens")
        first, second = written(runtime, [(raw, Settings()), (row(), Settings(schema=json.dumps(schema)))])
        assert (first.answer["text"], first.finish, second.answer["text"]) == (" on", "length", "{}")
        asked = {path: body for path, body, _ in server.asked}
        assert asked["/v1/completions"]["prompt"] == "go"
        assert asked["/v1/chat/completions"]["response_format"]["json_schema"]["schema"] == schema
        assert asked["/v1/chat/completions"]["max_completion_tokens"] == 256


def test_calls_of_tools_are_text_here_and_calls_there(model):
    call = {"id": "x", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    answered = reply(None, finish="tool_calls")
    answered["choices"][0]["message"]["tool_calls"] = [call]
    messages = [
        {"role": "tools", "content": '[{"name": "add"}]'},
        {"role": "user", "content": "1+2+3?"},
        {"role": "assistant", "content": 'Well.\n[{"name": "add", "arguments": {"a": 0}}]'},
        {"role": "tool", "content": "3"},
    ]
    with Faulty(lambda handler, body: handler.send(200, answered)) as server:
        (found,) = written(opened(model, server), [({"messages": messages}, Settings())])
        assert (found.answer["text"], found.finish) == ('[{"name": "add", "arguments": {"a": 1}}]', "stop")
        body = server.asked[0][1]
    assert body["tools"] == [{"type": "function", "function": {"name": "add"}}]
    _, assistant, tool = body["messages"]
    assert assistant["content"] == "Well."
    assert assistant["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 0}'}
    assert tool == {"role": "tool", "content": "3", "tool_call_id": assistant["tool_calls"][0]["id"]}


@pytest.mark.parametrize(
    "fault",
    [
        lambda handler, body: handler.error(429, "slow down", Retry_After="0"),
        lambda handler, body: handler.error(500),
        lambda handler, body: handler.error(503, Retry_After="Thu, 01 Jan 2015 00:00:00 GMT"),
        lambda handler, body: handler.send(200, b'{"choices": [{"mess'),
        lambda handler, body: handler.send(200, reply() | {"choices": []}),
        lambda handler, body: handler.send(200, reply(None)),
        lambda handler, body: handler.send(200, {"error": {"message": "upstream", "code": 502}}),
        close,
        hang,
    ],
    ids=["429", "500", "503", "cut", "no choice", "empty", "error in 200", "closed", "hang"],
)
def test_what_passes_is_asked_again(model, fault):
    with Faulty(in_turn(fault)) as server:
        limit = {"timeout_s": 1.0} if fault is hang else {}
        (found,) = written(opened(model, server, **limit), rows(1))
        assert found.answer["text"] == "to 0"
        assert len(server.asked) == 2


def test_retry_after_is_waited_for(model):
    with Faulty(in_turn(lambda handler, body: handler.error(429, Retry_After="1"))) as server:
        begun = time.monotonic()
        written(opened(model, server), rows(1))
        assert 1.0 <= time.monotonic() - begun < 10.0


def test_a_server_that_stays_down_is_a_line(model):
    found, server = refusal(model, lambda handler, body: handler.error(500, "on fire"), patience_s=0.3)
    host = server.address.split("/")[2]
    assert isinstance(found, TaskFailed)
    assert str(found) == (
        f"the teacher at {host} does not answer (500 on fire); what was paid for is kept, run again to go on "
        "from there."
    )
    assert len(server.asked) == 2, "once more in any case"


def test_a_server_that_wants_too_long_a_pause_is_a_line_at_once(model):
    found, server = refusal(model, lambda handler, body: handler.error(429, "limit", Retry_After="4000"))
    assert "(429 limit, and asks to wait 4000 s)" in str(found)
    assert len(server.asked) == 1


def test_nobody_at_the_address_is_a_line(model):
    with Faulty() as server:
        runtime = opened(model, server, patience_s=0.2)
    with pytest.raises(TaskFailed, match=r"does not answer \(Connect call failed|refused"):
        written(runtime, rows(1))


def test_a_hang_is_a_line(model):
    found, _ = refusal(model, hang, timeout_s=0.2, patience_s=0.1)
    assert "(nothing whole within 0.2 s)" in str(found)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda handler, body: handler.error(401, f"bad key {KEY}"), "refuses the key at env:BIG_KEY (401)."),
        (
            lambda handler, body: handler.error(404, "gone", "model_not_found"),
            "there is no model 'big' at http://",
        ),
        (
            lambda handler, body: handler.error(429, "quota", "insufficient_quota"),
            "the account has no credit left",
        ),
        (
            lambda handler, body: handler.send(200, b"<html>hello", kind="text/html"),
            "answers with a web page",
        ),
        (
            lambda handler, body: handler.send(301, b"", Location="https://elsewhere"),
            "redirects elsewhere (301)",
        ),
    ],
    ids=["401", "404", "quota", "html", "redirect"],
)
def test_what_holds_for_every_row_is_said_at_once(model, key, answer, line):
    found, server = refusal(model, answer, key="env:BIG_KEY")
    assert isinstance(found, BadRequest)
    assert line in str(found)
    assert KEY not in str(found)
    assert len(server.asked) == 1


def test_a_row_that_is_refused_is_that_rows_alone(model, key):
    def answer(handler, body):
        if said(body) == "to 1":
            handler.error(400, f"This model's maximum context length is 8 ({KEY})", "context_length_exceeded")
        elif said(body) == "to 2":
            handler.send(200, reply("", finish="content_filter"))
        else:
            handler.send(200, reply(said(body)))

    with Faulty(answer) as server:
        found = written(opened(model, server, key="env:BIG_KEY"), [*rows(4), ({"messages": []}, Settings())])
    assert [isinstance(one, BadRequest) for one in found] == [False, True, True, False, True]
    assert str(found[1]) == (
        "the hosted model refuses the row as too long (This model's maximum context length is 8 (…))."
    )


def test_twenty_rows_are_asked_at_once_and_never_more(model):
    together = threading.Barrier(20, timeout=20)

    def answer(handler, body):
        together.wait()  # nobody is answered before twenty ask
        handler.send(200, reply(said(body)))

    with Faulty(answer) as server:
        found = written(opened(model, server, at_once=20), rows(60))
        assert [one.answer["text"] for one in found] == [f"to {number}" for number in range(60)]
        assert server.most_open == 20


def test_what_is_on_its_way_when_the_work_ends_is_handed_over(model):
    def answer(handler, body):
        time.sleep(0.0 if said(body) == "to 0" else 0.4)
        handler.send(200, reply(said(body)))

    with Faulty(answer) as server:
        taken = []

        def take(place, found):
            taken.append(place)
            raise BadRequest(f"enough at {place}")

        with pytest.raises(BadRequest, match="enough at 0"):
            opened(model, server, at_once=4).write(rows(50), take)
        assert sorted(taken) == [0, 1, 2, 3]
        assert len(server.asked) == 4


def test_what_waits_to_be_asked_again_is_given_up_when_the_work_ends(model):
    def answer(handler, body):
        if said(body) == "to 0":
            time.sleep(0.2)
            handler.error(401)
        else:
            handler.error(429, Retry_After="60")

    with Faulty(answer) as server:
        begun = time.monotonic()
        with pytest.raises(BadRequest, match="wants a key"):
            written(opened(model, server, at_once=2), rows(2))
        assert time.monotonic() - begun < 20.0


def test_the_key_is_not_in_the_runtime_as_it_is_shown(model, key):
    with Faulty() as server:
        assert KEY not in repr(opened(model, server, key="env:BIG_KEY"))
