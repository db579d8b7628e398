"""The server on a real socket: broken HTTP, slow clients, too many at once, a switch under load, stopping."""

import json
import signal
import threading
import time

import psutil
import pytest
from wire import HEAD, question, reply, until

from releases import BY, approve
from slmworks.registry.log import Registry


def test_broken_http_and_slow_clients_are_told_and_the_server_goes_on(start):
    server = start(deadline=0.5, max_body=1000)
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    for parts, status, words in (
        ([b"NONSENSE\r\n\r\n"], 400, ""),
        ([chunked + b"zz\r\n{}\r\n0\r\n\r\n"], 400, ""),
        ([HEAD + b"content-length: many\r\n\r\n"], 400, ""),
        ([HEAD + b"content-length: 2000\r\n\r\n"], 413, "longer than 1000 bytes"),
        ([chunked, b"400\r\n" + b"x" * 1024 + b"\r\n"], 413, "longer than 1000 bytes"),
        ([HEAD + b'content-length: 20\r\n\r\n{"te'], 408, "did not arrive within 0.5 s"),
        ([chunked + b"0\r\n\r\n"], 400, "not JSON"),
        ([b"POST /classify HTTP/1.1\r\nhost:"], 408, "head did not arrive within 0.5 s"),
        ([b""], 408, "head did not arrive within 0.5 s"),
        ([b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n"], 404, "GET /nothing"),
        ([b"BREW /classify HTTP/1.1\r\nhost: localhost\r\n\r\n"], None, ""),
    ):
        found, _, body = server.send(*parts)
        assert found == status or (status is None and 400 <= found < 500)
        assert words in body
        assert "Traceback" not in body
        assert body.count("\n") == 0
    assert server.ask("good")[0] == 200
    code, (_, errors) = server.stop()
    assert (code, "Traceback" in errors) == (0, False)


def test_a_second_request_whose_head_never_ends_is_hung_up_on(start):
    server = start(deadline=0.5)
    body = b'{"text": "good"}'
    with server.connect() as sock:
        for pause in (0.3, 0.3, 0.0):  # longer than the deadline together
            sock.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
            assert reply(sock)[0] == 200
            time.sleep(pause)
        sock.sendall(HEAD)
        assert reply(sock)[0] == 408
        assert sock.recv(1) == b""


def test_a_head_is_read_up_to_64_kib(start):
    server = start()
    body = b'{"text": "good"}'
    head = HEAD + b"content-length: %d\r\nx-padding: " % len(body)
    longest = head + b"x" * (65536 - len(head) - 4) + b"\r\n\r\n"
    for parts in ([longest + body], [longest[:40000], longest[40000:], body], [longest, body[:5], body[5:]]):
        assert server.send(*parts, pause=0.05)[0] == 200
    lines = [b"x-more: " + b"1" * 1000 + b"\r\n"] * 65
    for parts, why in (
        ([head + b"x" * (65536 - len(head))], "is longer than 65536 bytes"),
        ([HEAD, *lines], "is longer than 65536 bytes"),
        ([HEAD + b"x-more: 1\r\n" * 300], "has more than 256 fields"),
    ):
        status, said, error = server.send(*parts, pause=0.001)
        assert (status, "connection: close" in said) == (431, True)
        assert json.loads(error) == {"error": f"the request's head {why}."}
    with server.connect() as sock:
        for _ in range(3):  # each within the limit, together beyond it
            sock.sendall(longest + body)
            assert reply(sock)[0] == 200
    assert server.stop()[0] == 0


def test_headers_after_a_body_are_not_kept(start):
    server = start(deadline=5)
    process = psutil.Process(server.process.pid)
    with server.connect() as sock:
        sock.sendall(HEAD + b'transfer-encoding: chunked\r\n\r\n10\r\n{"text": "good"}\r\n0\r\n')
        before = process.memory_info().rss
        sock.sendall(b"a:b\r\n" * 500_000)
        sock.sendall(b"\r\n")
        assert reply(sock)[0] == 200
        assert process.memory_info().rss - before < 30e6


@pytest.mark.parametrize(
    ("asked", "status", "drip"),
    [
        pytest.param(question("good"), 200, b"\r\n", id="empty lines"),
        pytest.param(
            b"POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999\r\n\r\n",
            404,
            b"x",
            id="a body nobody reads",
        ),
    ],
)
def test_a_kept_connection_on_which_no_request_comes_is_hung_up_on(start, asked, status, drip):
    server = start(deadline=0.5)
    with server.connect() as sock:
        sock.sendall(asked)
        assert reply(sock)[0] == status
        until(lambda: _hung_up(sock, drip), 10)
    assert server.ask("good")[0] == 200


def test_an_empty_line_before_a_request_is_no_harm(start):
    server = start(deadline=0.5)
    with server.connect() as sock:
        for pause in (0.3, 0.3, 0.0):
            sock.sendall(b"\r\n")
            time.sleep(pause)
            sock.sendall(question("good"))
            assert reply(sock)[0] == 200


def test_nothing_is_computed_for_a_client_that_hung_up(start):
    server = start(max_queue=10, max_texts=100_000, max_body=10_000_000, max_batch=1, deadline=30)
    with server.connect() as sock:
        sock.sendall(question(*["good"] * 50_000))
        until(lambda: server.ask("good")[0] == 503)
    until(lambda: server.ask("good")[0] == 200)
    computed = next(line for line in server.metrics() if line.startswith("slmworks_batch_texts_sum"))
    assert float(computed.split()[1]) < 50_000
    assert "slmworks_queued_texts 0.0" in server.metrics()


def test_too_much_at_once_is_refused_with_a_time_to_come_back(start):
    server = start(max_queue=10, max_texts=100_000, max_body=10_000_000, max_batch=1, deadline=30)
    big = threading.Thread(target=server.ask, args=["good"] * 8000)
    big.start()
    found = []
    while big.is_alive() and 503 not in [status for status, _, _ in found]:
        found.append(server.ask("good"))
    big.join()
    refused = next(one for one in found if one[0] == 503)
    assert "retry-after: 1" in refused[1]
    assert "texts wait already" in refused[2]
    assert server.ask("good")[0] == 200


def test_a_switch_and_back_under_load_fails_no_request(store, start):
    server, over = start(), threading.Event()
    seen, failed = [], []

    def load():
        while not over.is_set():
            status, _, body = server.ask("good", "awful")
            (seen if status == 200 else failed).append(json.loads(body).get("version"))

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    until(lambda: 1 in seen)
    approve(store, 2)
    until(lambda: seen[-1] == 2)
    Registry(store).rollback("reviews", **BY, why="worse")
    until(lambda: seen[-1] == 1)
    over.set()
    for client in clients:
        client.join()
    assert failed == []
    assert set(seen) == {1, 2}


def test_told_to_stop_it_finishes_what_it_has(start):
    server = start(max_texts=100_000, max_body=10_000_000, max_batch=1, deadline=30, grace=30)
    answers = []
    big = threading.Thread(target=lambda: answers.append(server.ask(*["good"] * 5000)))
    big.start()
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    big.join(30)
    assert answers[0][0] == 200
    assert len(json.loads(answers[0][2])["answers"]) == 5000
    assert server.process.wait(20) == 0


def test_what_is_not_finished_when_the_grace_is_over_is_told_so(start):
    server = start(max_texts=100_000, max_body=10_000_000, max_batch=1, deadline=60, grace=1)
    with server.connect() as sock:
        sock.sendall(question(*["good"] * 100_000))
        until(lambda: "slmworks_requests_in_flight 1.0" in server.metrics())
        server.process.send_signal(signal.SIGTERM)
        status, head, body = reply(sock)
        assert (status, "connection: close" in head) == (503, True)
        assert json.loads(body) == {"error": "the server is stopping"}
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.process.stderr.read()


def _hung_up(sock, drip):
    """Send a little; whether the server closed the connection instead of waiting for more."""
    sock.settimeout(0.1)
    try:
        sock.sendall(drip)
        return sock.recv(65536) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
