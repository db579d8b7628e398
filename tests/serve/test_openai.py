"""OpenAI's API over a real server and a real model: what the official client asks and gets."""

import json
from collections.abc import Iterator

import pytest

openai = pytest.importorskip("openai")

from serving import Served  # noqa: E402

from generators import NAME  # noqa: E402

HI = [{"role": "user", "content": "Hi"}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
SUM = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def nested(depth: int) -> dict:
    found: dict = {"type": "string"}
    for _ in range(depth):
        found = {"items": found}
    return found


@pytest.fixture(scope="module")
def served(generator_release) -> Iterator[Served]:
    with Served(generator_release, slots=2, context=1024) as served:
        yield served


@pytest.fixture(scope="module")
def client(served: Served):
    return openai.OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0)


def test_a_chat_is_what_an_evaluation_says(served: Served, client) -> None:
    said = client.chat.completions.create(model=NAME, messages=HI, max_tokens=12)
    alone = served.runtime.answer([{"messages": HI}])[0]
    assert said.choices[0].message.content == alone["text"]
    assert (said.choices[0].finish_reason, said.usage.completion_tokens) == ("length", 12)
    assert said.usage.total_tokens == said.usage.prompt_tokens + 12
    assert said.system_fingerprint == served.entry.model_digest[:16]
    assert (said.model, said.version) == (NAME, 1)
    assert served.post("generate", {"messages": HI}) == {**alone, "model": NAME, "version": 1}


def test_a_stream_has_the_same_text_and_its_usage_last(client) -> None:
    whole = client.chat.completions.create(model=NAME, messages=HI, max_tokens=12)
    options = {"include_usage": True}
    events = list(
        client.chat.completions.create(
            model=NAME, messages=HI, max_tokens=12, stream=True, stream_options=options
        )
    )
    assert (
        "".join(one.choices[0].delta.content or "" for one in events[:-1]) == whole.choices[0].message.content
    )
    assert events[0].choices[0].delta.role == "assistant"
    assert events[-2].choices[0].finish_reason == "length"
    assert (events[-1].choices, events[-1].usage.completion_tokens) == ([], 12)
    assert all(one.usage is None for one in events[:-1])
    plain = list(client.chat.completions.create(model=NAME, messages=HI, max_tokens=3, stream=True))
    assert plain[-1].choices[0].finish_reason == "length"


def test_a_stream_ends_with_done(served: Served) -> None:
    text = served.raw("v1/chat/completions", {"messages": HI, "max_tokens": 2, "stream": True})
    assert text.startswith("data: {")
    assert text.endswith("\n\ndata: [DONE]\n\n")


def test_text_goes_on_without_a_template(served: Served, client) -> None:
    one = client.completions.create(model=NAME, prompt="ab cd", max_tokens=8)
    row = {"messages": [{"role": "prompt", "content": "ab cd"}]}
    assert served.runtime.answer([row])[0]["text"].startswith(one.choices[0].text)
    several = client.completions.create(model=NAME, prompt=["ab cd", "x y"], n=2, max_tokens=8)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.choices[0].text == several.choices[1].text == one.choices[0].text
    assert several.choices[2].text != one.choices[0].text
    events = client.completions.create(model=NAME, prompt="ab cd", max_tokens=8, stream=True)
    assert "".join(event.choices[0].text for event in events) == one.choices[0].text


def test_all_choices_are_counted(client) -> None:
    one = client.chat.completions.create(model=NAME, messages=HI, max_tokens=9)
    three = client.chat.completions.create(
        model=NAME, messages=HI, max_tokens=9, n=3, temperature=1.5, seed=4
    )
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert (three.usage.completion_tokens, three.usage.prompt_tokens) == (27, one.usage.prompt_tokens)
    assert len({choice.message.content for choice in three.choices}) == 3
    again = client.chat.completions.create(
        model=NAME, messages=HI, max_tokens=9, n=3, temperature=1.5, seed=4
    )
    assert [choice.message.content for choice in again.choices] == [
        choice.message.content for choice in three.choices
    ]


def test_what_was_computed_before_is_said(client) -> None:
    long = [{"role": "user", "content": "a b c d e f g h " * 12}]
    for _ in range(2):
        said = client.chat.completions.create(model=NAME, messages=long, max_tokens=1)
    assert said.usage.prompt_tokens_details.cached_tokens > 0.8 * said.usage.prompt_tokens


def test_a_seed_draws_the_same_again_and_another_one_not(client) -> None:
    def drawn(seed: int, **more: float) -> str:
        asked = {"messages": HI, "max_tokens": 16, "temperature": 1.2, "seed": seed, **more}
        return client.chat.completions.create(model=NAME, **asked).choices[0].message.content

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(2, top_p=1e-6) == drawn(1, top_p=1e-6)  # the likeliest alone


def test_penalties_keep_a_token_from_coming_again(client) -> None:
    asked = {"model": NAME, "prompt": "ab", "max_tokens": 40, "logprobs": 0}
    usual = client.completions.create(**asked).choices[0].logprobs.tokens
    for penalty in ("frequency_penalty", "presence_penalty"):
        penalised = client.completions.create(**asked, **{penalty: 2.0}).choices[0].logprobs.tokens
        assert penalised != usual, penalty
        if penalty == "frequency_penalty":
            assert len(set(penalised)) > len(set(usual))


def test_a_stop_ends_the_answer_and_is_no_part_of_it(client) -> None:
    whole = client.completions.create(model=NAME, prompt="ab cd", max_tokens=20).choices[0].text
    stop = whole[5:8]
    cut = client.completions.create(model=NAME, prompt="ab cd", max_tokens=20, stop=[stop, "never there"])
    assert cut.choices[0].text == whole[: whole.index(stop)]
    assert cut.choices[0].finish_reason == "stop"
    events = client.completions.create(model=NAME, prompt="ab cd", max_tokens=20, stop=stop, stream=True)
    assert "".join(event.choices[0].text for event in events) == cut.choices[0].text


def test_logprobs(client) -> None:
    chat = client.chat.completions.create(
        model=NAME, messages=HI, max_tokens=4, logprobs=True, top_logprobs=3
    )
    tokens = chat.choices[0].logprobs.content
    assert len(tokens) == 4
    for token in tokens:
        assert len(token.top_logprobs) == 3
        assert token.logprob == max(one.logprob for one in token.top_logprobs) < 0
    plain = client.chat.completions.create(model=NAME, messages=HI, max_tokens=4, logprobs=True)
    assert [one.top_logprobs for one in plain.choices[0].logprobs.content] == [[]] * 4
    assert client.chat.completions.create(model=NAME, messages=HI, max_tokens=4).choices[0].logprobs is None
    older = (
        client.completions.create(model=NAME, prompt="ab cd", max_tokens=4, logprobs=2).choices[0].logprobs
    )
    assert {len(one) for one in older.top_logprobs} == {2}
    assert older.token_logprobs == [max(one.values()) for one in older.top_logprobs]
    assert older.text_offset[0] == 0
    assert older.text_offset == sorted(older.text_offset)
    events = client.chat.completions.create(model=NAME, messages=HI, max_tokens=4, logprobs=True, stream=True)
    streamed = [
        token.token
        for event in events
        if event.choices[0].logprobs
        for token in event.choices[0].logprobs.content
    ]
    assert streamed == [token.token for token in tokens]


def test_json_follows_its_schema_and_ends(client) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
    said = client.chat.completions.create(model=NAME, messages=HI, max_tokens=200, response_format=form)
    assert said.choices[0].finish_reason == "stop"
    found = json.loads(said.choices[0].message.content)
    assert set(found) == {"name", "age"}
    assert 0 <= found["age"] <= 99
    assert said.choices[0].message.content == json.dumps(found, ensure_ascii=False)  # no blanks but those
    events = client.chat.completions.create(
        model=NAME, messages=HI, max_tokens=200, response_format=form, stream=True
    )
    assert "".join(one.choices[0].delta.content or "" for one in events) == said.choices[0].message.content


def test_any_json_object(client) -> None:
    said = client.chat.completions.create(
        model=NAME, messages=HI, max_tokens=60, response_format={"type": "json_object"}
    )
    text = said.choices[0].message.content
    assert text.startswith("{")
    assert "\n" not in text.split('"')[0]
    if said.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text), dict)


def test_models(client, served: Served) -> None:
    (one,) = client.models.list().data
    assert (one.id, one.object, one.owned_by) == (NAME, "model", "slmworks")
    assert "/" not in one.model_dump_json()  # no path of the machine
    assert client.models.retrieve(NAME) == one
    with pytest.raises(openai.NotFoundError, match="'other' is not served here; 'chatter' is"):
        client.models.retrieve("other")
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=HI)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_tools_are_shown_and_hidden(client) -> None:
    plain = client.chat.completions.create(model=NAME, messages=HI, max_tokens=1)
    shown = client.chat.completions.create(model=NAME, messages=HI, max_tokens=1, tools=[SUM])
    hidden = client.chat.completions.create(
        model=NAME, messages=HI, max_tokens=1, tools=[SUM], tool_choice="none"
    )
    assert shown.usage.prompt_tokens > plain.usage.prompt_tokens == hidden.usage.prompt_tokens


@pytest.mark.parametrize(
    ("body", "param", "line"),
    [
        ({"messages": []}, "messages", "there are no messages; give one with the role 'user' at least."),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "messages", "message 1 has the role 'assistant' as the first turn"),
        ({"messages": [{"role": "user"}]}, "messages", "message 1 has no content"),
        ({"messages": [{"role": "bot", "content": "a"}]}, "messages", "messages.0.role: this value is not supported"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages", "messages.0.content"),
        ({"messages": HI, "modalities": ["text", "audio"]}, "modalities", "modalities.1: this value is not supported"),
        ({"messages": HI, "audio": {"voice": "x"}}, "audio", "audio is not supported; leave it out."),
        ({"messages": HI, "wishes": 3}, "wishes", "wishes is not supported; leave it out."),
        ({"messages": HI, "functions": []}, "functions", "functions is not supported"),
        ({"messages": HI, "tool_choice": "required"}, "tool_choice", "tool_choice: this value is not supported"),
        ({"messages": HI, "logit_bias": {"1": 2}}, "logit_bias", "logit_bias: this value is not supported"),
        ({"messages": HI, "store": True}, "store", "store: this value is not supported"),
        ({"messages": HI, "temperature": "hot"}, "temperature", "temperature: Input should be a valid number"),
        ({"messages": HI, "temperature": 3}, "temperature", "temperature: Input should be less than or equal to 2"),
        (b'{"messages": [{"role": "user", "content": "a"}], "temperature": NaN}', "temperature", "temperature: Input should be a finite number"),
        ({"messages": HI, "response_format": {"type": "json_schema", "json_schema": {"schema": nested(150)}}}, "response_format", "is nested too deeply"),
        ({"messages": HI, "top_p": 0}, "top_p", "top_p: Input should be greater than 0"),
        ({"messages": HI, "n": 0}, "n", "n: Input should be greater than or equal to 1"),
        ({"messages": HI, "n": 17}, "n", "n: Input should be less than or equal to 16"),
        ({"messages": HI, "max_tokens": 0}, "max_tokens", "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": HI, "max_tokens": -1}, "max_tokens", "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": HI, "max_tokens": 1, "max_completion_tokens": 2}, "max_tokens", "max_completion_tokens is 2 and max_tokens is 1"),
        ({"messages": HI, "stop": ["a", "b", "c", "d", "e"]}, "stop", "stop"),
        ({"messages": HI, "stop": ""}, "stop", "stop"),
        ({"messages": HI, "seed": 1 << 70}, "seed", "seed: Input should be less than"),
        ({"messages": HI, "top_logprobs": 2}, "top_logprobs", "top_logprobs is for logprobs: true"),
        ({"messages": HI, "logprobs": True, "top_logprobs": 21}, "top_logprobs", "less than or equal to 20"),
        ({"messages": HI, "stream_options": {"include_usage": True}}, "stream_options", "stream_options are for a stream"),
        ({"messages": HI, "response_format": {"type": "xml"}}, "response_format", "response_format.type: this value is not supported"),
        ({"messages": HI, "response_format": {"type": "json_schema"}}, "response_format", "json_schema is missing"),
        ({"messages": HI, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "objekt"}}}}, "response_format", "is no JSON Schema ('objekt' is not valid"),
        ({"messages": HI, "response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {"type": "string"}}}}}, None, "the JSON Schema "),
        ({"messages": HI, "response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "https://a.example/b"}}}}, "response_format", "refers to 'https://a.example/b', which is not in it"),
        ({"messages": [*HI, {"role": "tool", "content": "3", "tool_call_id": "x"}]}, "messages", "the tool's result for call 'x' follows no such call"),
        ({"messages": [*HI, {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "no"}}]}, {"role": "tool", "content": "3", "tool_call_id": "x"}]}, "messages", "the arguments of a call are no JSON object"),
        ({"messages": HI, "max_tokens": 5, "user": 3}, "user", "user: Input should be a valid string"),
        ([], None, "Input should be"),
    ],
)  # fmt: skip
def test_what_a_chat_cannot_be_is_a_line(served: Served, body, param, line: str) -> None:
    status, said = served.refused("v1/chat/completions", body)
    error = said["error"]
    assert (status, error["param"], error["type"]) == (400, param, "invalid_request_error"), error
    assert line in error["message"], error
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    ("body", "param", "line"),
    [
        ({"prompt": "a", "echo": True}, "echo", "echo: this value is not supported"),
        ({"prompt": "a", "logprobs": False}, "logprobs", "logprobs: Input should be a valid integer"),
        ({"prompt": "a", "echo": 0}, "echo", "echo: this value is not supported"),
        ({"prompt": "a", "best_of": True}, "best_of", "best_of: this value is not supported"),
        ({"prompt": "a", "best_of": 2}, "best_of", "best_of: this value is not supported"),
        ({"prompt": "a", "suffix": "b"}, "suffix", "suffix: this value is not supported"),
        ({"prompt": "a", "logprobs": 6}, "logprobs", "less than or equal to 5"),
        ({"prompt": [1, 2, 3]}, "prompt", "prompt.0: Input should be a valid string"),
        ({"prompt": []}, "prompt", "there is no prompt; give one text at least."),
        ({"prompt": ""}, None, "the prompt is empty"),
        ({"prompt": ["a", ""]}, None, "the prompt is empty"),
        ({"prompt": ["a"] * 17}, "n", "17 answers are asked for; 16 are generated at a time."),
        ({}, "prompt", "prompt: Field required"),
        ({"prompt": "a", "messages": []}, "messages", "messages is not supported"),
        ({"prompt": "a" * 29_994}, None, "a prompt of 30000 characters; at most 20000 are taken"),
    ],
)  # fmt: skip
def test_what_a_completion_cannot_be_is_a_line(served: Served, body, param, line: str) -> None:
    status, said = served.refused("v1/completions", body)
    assert (status, said["error"]["param"]) == (400, param), said
    assert line in said["error"]["message"]


def test_harmless_defaults_of_other_apis_are_taken(client) -> None:
    asked = {
        "best_of": 1,
        "echo": False,
        "suffix": None,
        "logit_bias": None,
        "user": "me",
        "stream_options": None,
    }
    assert client.completions.create(model=NAME, prompt="ab", max_tokens=1, **asked).choices


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long_names_both_numbers(client, stream: bool) -> None:
    long = [{"role": "user", "content": "ab " * 2000}]
    with pytest.raises(
        openai.BadRequestError, match=r"the prompt has \d{4} tokens, and the model reads 1024 with its answer"
    ) as caught:
        client.chat.completions.create(model=NAME, messages=long, stream=stream)
    assert caught.value.code == "context_length_exceeded"


def test_an_answer_ends_where_the_context_is_full(client) -> None:
    said = client.chat.completions.create(model=NAME, messages=HI, max_tokens=5000, stop="never there")
    assert (said.choices[0].finish_reason, said.usage.total_tokens) == ("length", 1024)


def test_what_is_no_json_is_said_in_openai_s_form(served: Served) -> None:
    for body, kind, status in ((b"{", "application/json", 400), (b"{}", "text/plain", 415)):
        found, said = served.refused("v1/chat/completions", body, kind)
        assert (found, said["error"]["type"]) == (status, "invalid_request_error")


def test_the_document_and_the_page_know_the_routes(served: Served) -> None:
    paths = served.get("openapi.json")["paths"]
    assert {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/generate",
    } <= set(paths)
    assert set(paths["/v1/completions"]["post"]["responses"]["200"]["content"]) == {
        "application/json",
        "text/event-stream",
    }
    assert "/v1/chat/completions" in served.text("docs")


def test_an_answer_that_is_a_call_comes_back_as_one(client) -> None:
    numbers = {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["a"],
        "additionalProperties": False,
    }
    one = {
        "type": "object",
        "properties": {"name": {"const": "add"}, "arguments": numbers},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
    form = {
        "type": "json_schema",
        "json_schema": {
            "name": "calls",
            "schema": {"type": "array", "items": one, "minItems": 1, "maxItems": 1},
        },
    }
    asked = {"model": NAME, "messages": HI, "tools": [SUM], "max_tokens": 200, "response_format": form}
    said = client.chat.completions.create(**asked).choices[0]
    assert (said.finish_reason, said.message.content) == ("tool_calls", None)
    (called,) = said.message.tool_calls
    assert (called.function.name, set(json.loads(called.function.arguments))) == ("add", {"a"})
    again = [*HI, said.message, {"role": "tool", "tool_call_id": called.id, "content": "3"}]
    assert client.chat.completions.create(model=NAME, messages=again, tools=[SUM], max_tokens=2).choices
    deltas = [event.choices[0].delta for event in client.chat.completions.create(**asked, stream=True)]
    (streamed,) = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert streamed.function.arguments == called.function.arguments
