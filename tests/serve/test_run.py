"""Serving from the registry: the champion answers, everything else is refused in one line."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from releases import BY, approve, edit, register, word_counter
from slmworks.contract.errors import BadRequest
from slmworks.machine.process import environment
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks_serve.client import ask
from slmworks_serve.run import listen, serve

SERVE = (
    "import sys; from slmworks.store import open_store; from slmworks_serve.run import serve;"
    "serve(open_store(sys.argv[1]), 'reviews', port=0)"
)

STOPPED_AT_ONCE = """
import signal
from slmworks_serve import follow
follow.Follow.start = lambda self: signal.raise_signal(signal.SIGTERM)
"""


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    register(store, word_counter(tmp_path / "model"))
    return store


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_stop(store, number):
    approve(store)
    process = subprocess.Popen([sys.executable, "-c", SERVE, store.url], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        address = line.split(" answers at ")[1].split(" ")[0]
        assert address.startswith("http://127.0.0.1:")
        body = json.dumps({"text": "good"}).encode()
        request = urllib.request.Request(address, body, {"content-type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert json.load(opener.open(request, timeout=20))["label"] == "positive"
        process.send_signal(number)
        assert process.wait(20) == 0
        assert "reviews v1 stopped" in process.stdout.read()
    finally:
        process.kill()
        process.stdout.close()


def test_told_to_stop_before_it_could_answer_it_stops(store):
    approve(store)
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_ONCE + SERVE, store.url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "reviews v1 answers at" in ended.stdout
    assert "reviews v1 stopped" in ended.stdout


def test_threads_bounds_all_threads_of_the_command(store):
    approve(store)
    words = [
        "serve",
        "reviews",
        "--threads",
        "1",
        "--port",
        "0",
        "--store",
        store.url.removeprefix("file://"),
    ]
    budget = environment(1)
    bare = {name: value for name, value in os.environ.items() if name not in budget}
    counted = []
    for env in (bare, {**bare, **budget}):
        process = psutil.Popen(
            [sys.executable, "-m", "slmworks", *words], env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            address = process.stdout.readline().split(" answers at ")[1].split(" ")[0]
            assert len(ask(address, {"texts": ["good"] * 500})["answers"]) == 500
            counted.append(process.num_threads())
        finally:
            process.kill()
            process.communicate()
    assert counted[0] == counted[1]


def test_what_is_not_approved_is_refused_before_a_port_is_opened(store, monkeypatch):
    monkeypatch.setattr("slmworks_serve.run.listen", lambda *_: pytest.fail("a port was opened"))
    with pytest.raises(BadRequest, match="no approved version to serve"):
        serve(store, "reviews")
    with pytest.raises(BadRequest, match="v1 is not approved yet"):
        serve(store, "reviews", 1)
    with pytest.raises(BadRequest, match="no model is registered as 'review'"):
        serve(store, "review")
    Registry(store).reject("reviews", 1, **BY, why="rude")
    with pytest.raises(BadRequest, match="v1 was rejected by ada"):
        serve(store, "reviews", 1)


def test_an_edited_release_is_refused(store):
    approve(store)
    labels = store.folder(Registry(store).state("reviews").champion.registered.release) / "model/labels.json"
    edit(labels, labels.read_text().replace("negative", "positive"))
    with pytest.raises(BadRequest, match="the approval names"):
        serve(store, "reviews")


def test_a_port_that_is_taken_is_one_line(store):
    approve(store)
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadRequest, match=f"127.0.0.1:{port}: port {port} is in use"):
            serve(store, "reviews", port=port)


def test_a_kept_connection_is_answered_at_once(store):
    approve(store)
    process = subprocess.Popen([sys.executable, "-c", SERVE, store.url], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline().split("/classify")[0].rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        seconds = []
        for _ in range(30):
            started = time.perf_counter()
            connection.request("POST", "/classify", '{"text":"good"}', {"content-type": "application/json"})
            assert connection.getresponse().read()
            seconds.append(time.perf_counter() - started)
        assert min(seconds) < 0.03  # 0.04 s is what a delayed acknowledgement costs
    finally:
        process.kill()
        process.stdout.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_cannot_be_had_is_one_line(host):
    with pytest.raises(BadRequest, match="cannot listen there"):
        listen(host, 0)
