"""Slots and queue of a generator: who waits, who is refused, who leaves, and which model answers."""

import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from serving import Served, beside
from wire import until

from generators import NAME, enter, generator
from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks_serve.follow import Follow
from slmworks_serve.guard import Access
from slmworks_serve.limits import Limits
from slmworks_serve.model import load, slots_of
from slmworks_serve.tokens import Tokens

LONG = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8000, "stop": "never there"}
SHORT = {**LONG, "max_tokens": 4}
ENDLESS = {**LONG, "stream": True}


class Stream:
    """A stream that is read event by event."""

    def __init__(self, served: Served, body: dict[str, Any] = ENDLESS, token: str = "") -> None:
        self._line = http.client.HTTPConnection(urlsplit(served.address).netloc, timeout=60)
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        self._line.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        self.reply = self._line.getresponse()

    def event(self) -> Any:
        line = self.reply.readline().decode().strip()
        self.reply.readline()
        return line if line == "data: [DONE]" else json.loads(line.removeprefix("data: "))

    def rest(self) -> str:
        return self.reply.read().decode()

    def leave(self) -> None:
        self.reply.close()
        self._line.close()


@pytest.fixture
def served(generator_release):
    with Served(generator_release, slots=2, context=8192) as served:
        yield served


def test_a_stream_that_is_left_frees_its_slot_at_once(served: Served) -> None:
    streams = [Stream(served), Stream(served)]
    assert [one.event()["model"] for one in streams] == [NAME, NAME]
    assert (served.generations.busy, served.runtime._llama.busy) == (2, 2)
    began = time.monotonic()
    for one in streams:
        one.leave()
    until(lambda: served.generations.busy == 0 and served.runtime._llama.busy == 0, 20)
    assert served.post("v1/chat/completions", SHORT)["usage"]["completion_tokens"] == 4
    assert time.monotonic() - began < 30
    assert served.metric("generations_cancelled_total") == 2
    assert served.metric("answer_tokens_total") == 4  # none of the two came to its end
    assert (served.generations.waiting, served.generations._open) == (0, 0)


def test_a_client_that_leaves_while_it_waits_is_not_computed(served: Served) -> None:
    streams = [Stream(served), Stream(served)]
    for one in streams:
        one.event()
    third = http.client.HTTPConnection(urlsplit(served.address).netloc)
    third.request("POST", "/v1/chat/completions", json.dumps(LONG), {"content-type": "application/json"})
    until(lambda: served.generations.waiting == 1)
    assert served.metric("queued_generations") == 1
    third.close()
    until(lambda: served.generations.waiting == 0)
    assert served.generations.busy == 2
    for one in streams:
        one.leave()


def test_the_seventeenth_client_is_told_to_come_again(generator_release) -> None:
    with Served(generator_release, slots=1, context=8192, max_generations=16, grace=1) as served:
        streams = [beside(lambda: Stream(served).rest()) for _ in range(16)]
        until(lambda: served.generations._open == 16)
        status, said = served.refused("v1/chat/completions", SHORT)
        assert (status, said["error"]["type"]) == (503, "server_error")
        assert said["error"]["message"] == "16 answers are being generated; try again in a second"
        assert served.refused("generate", {"messages": LONG["messages"]})[0] == 503  # the same queue
        late = Stream(served)
        assert late.reply.getheader("retry-after") == "1"
    assert len(streams) == 16


def test_rows_and_chats_share_the_slots(served: Served) -> None:
    one = Stream(served)
    one.event()
    rows = {"rows": [{"messages": LONG["messages"]}] * 5}
    answers = served.post("generate", rows)["answers"]
    assert [answer["tokens"] for answer in answers] == [12] * 5
    assert served.metric("answer_tokens_total") == 60
    one.leave()


def test_texts_side_by_side_are_those_of_each_alone(served: Served) -> None:
    asked = [
        {**SHORT, "max_tokens": 30, "messages": [{"role": "user", "content": text}]}
        for text in ("ab", "x1 y2", "hello")
    ]
    alone = [served.post("v1/chat/completions", one)["choices"][0]["message"] for one in asked]
    together: dict[int, Any] = {}

    def ask(place: int) -> None:
        together[place] = served.post("v1/chat/completions", asked[place])["choices"][0]["message"]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [together[place] for place in range(3)] == alone


def test_too_late_for_the_first_token_and_for_the_last(generator_release) -> None:
    with Served(
        generator_release, slots=1, context=8192, first_token_deadline=0.5, answer_deadline=2.0
    ) as served:
        began = Stream(served, {**ENDLESS, "n": 12})
        assert began.event()["object"] == "chat.completion.chunk"
        status, said = served.refused("v1/chat/completions", SHORT)
        assert (status, said["error"]["type"]) == (504, "timeout")
        assert "no token came within 0.5 s" in said["error"]["message"]
        last = began.rest().strip().splitlines()[-1]
        assert json.loads(last.removeprefix("data: "))["error"]["message"] == (
            "the answer did not end within 2 s; ask for fewer tokens."
        )
        assert served.post("v1/chat/completions", SHORT)["usage"]["completion_tokens"] == 4


def test_a_stream_may_take_longer_than_a_body(generator_release) -> None:
    with Served(generator_release, slots=1, context=8192, deadline=0.3) as served:
        began = time.monotonic()
        assert Stream(served, {**ENDLESS, "n": 12}).rest().endswith("data: [DONE]\n\n")
        assert time.monotonic() - began > 0.3


def test_the_longest_answer_that_is_given(generator_release) -> None:
    with Served(generator_release, slots=1, max_tokens=5) as served:
        status, said = served.refused("v1/chat/completions", {**SHORT, "max_tokens": 6})
        assert (status, said["error"]["param"]) == (400, "max_tokens")
        assert said["error"]["message"] == "an answer of 6 tokens is asked for; 5 are given at most."
        usual = served.post("v1/chat/completions", {"messages": SHORT["messages"], "stop": "never there"})
        assert usual["usage"]["completion_tokens"] == 5  # not the model's 12


def test_more_context_than_the_model_reads_is_refused(generator_release) -> None:
    with pytest.raises(BadRequest, match="a context of 9000 tokens, and the model reads 8192"):
        load(generator_release, slots_of(Limits(context=9000), 1))


def test_a_token_is_asked_for_in_openai_s_form(generator_release) -> None:
    token = "a-token-of-this-server"
    with Served(generator_release, access=Access(tokens=Tokens(token)), slots=1) as served:
        status, said = served.refused("v1/chat/completions", SHORT)
        assert (status, said["error"]["message"]) == (
            401,
            "send a token of this server: authorization: Bearer TOKEN",
        )
        assert Stream(served, token=token).event()["model"] == NAME


def test_digests_that_are_kept_apart_are_in_no_answer(generator_release) -> None:
    with Served(generator_release, apart=1, slots=1) as served:
        said = served.post("v1/chat/completions", SHORT)
        assert said["system_fingerprint"] == "v1"
        assert generator_release.entry.model_digest[:8] not in json.dumps(said)


def test_what_prometheus_reads(served: Served) -> None:
    served.post("v1/chat/completions", SHORT)
    served.post("v1/chat/completions", SHORT)
    lines = served.text("metrics").splitlines()
    assert served.metric("answer_tokens_total") == 8
    assert served.metric("prompt_tokens_total") > 8
    assert served.metric("cached_prompt_tokens_total") > 0
    for line in (
        "slmworks_first_token_seconds_count 2.0",
        "slmworks_token_seconds_count 2.0",
        "slmworks_slots_busy 0.0",
        "slmworks_queued_generations 0.0",
    ):
        assert line in lines


# --- another release ------------------------------------------------------------------------------------


@pytest.fixture
def switching(toy_gguf, other_gguf, tmp_path):
    """A server of the first of two releases, and what follows the log."""
    store = open_store(str(tmp_path / "store"))
    enter(store, generator(toy_gguf, tmp_path / "one", max_new_tokens=12))
    with Served(approved_release(Registry(store), NAME), slots=1, context=8192) as served:
        yield (
            served,
            Follow(served.service, Registry(store)),
            lambda: enter(store, generator(other_gguf, tmp_path / "two")),
        )


def test_a_stream_ends_with_the_model_that_began_it(switching) -> None:
    served, follow, enter_second = switching
    body = {**ENDLESS, "max_tokens": 3000}
    whole = served.post("v1/chat/completions", {**body, "stream": False})["choices"][0]["message"]["content"]
    other = served.post("v1/chat/completions", SHORT)["choices"][0]["message"]["content"]
    stream = Stream(served, body)
    events = [stream.event()]
    first = served.service.model
    enter_second()
    follow.look()
    said = served.post(
        "v1/chat/completions", SHORT
    )  # the one slot of the old one is taken, the new one's isn't
    assert (said["version"], events[0]["version"]) == (2, 1)
    assert said["choices"][0]["message"]["content"] != other
    while (event := stream.event()) != "data: [DONE]":
        events.append(event)
    assert {one["version"] for one in events} == {1}
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in events) == whole
    del first


def test_the_memory_of_the_model_before_is_given_back(switching) -> None:
    import weakref

    served, follow, enter_second = switching
    stream = Stream(served, {**ENDLESS, "n": 12})
    stream.event()
    old = weakref.ref(served.runtime._llama)
    enter_second()
    follow.look()
    follow.look()
    assert old() is not None  # it still answers
    stream.leave()
    until(lambda: (follow.look(), old() is None)[1], 60)
    until(lambda: (follow.look(), follow._leaving is None)[1], 60)


def test_a_withdrawn_model_answers_nobody(switching) -> None:
    served, _, _ = switching
    served.service.withdraw("chatter v1 was taken out of service")
    status, said = served.refused("v1/chat/completions", SHORT)
    assert (status, said["error"]["message"]) == (503, "chatter v1 was taken out of service")
    assert served.refused("generate", {"messages": SHORT["messages"]}) == (
        503,
        {"error": "chatter v1 was taken out of service"},
    )
