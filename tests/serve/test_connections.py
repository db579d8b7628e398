"""Room for connections: who is closed for whom, how many the system allows, and floods on a real socket."""

import contextlib
import json
import resource
import socket
import time

import psutil
import pytest
from wire import HEAD, question, reply, until

from slmworks.contract.errors import BadRequest
from slmworks_serve import connections
from slmworks_serve.connections import FILES, SPARE, Connections, most_connections


class Pretended:
    """A connection that notes that it was dropped."""

    dropped = False

    def drop(self):
        self.dropped = True


@pytest.fixture
def crowd():
    """Connections with room for 4 and 2, and a way to open some."""
    dropped = []
    room = Connections(4, 2, dropped=lambda: dropped.append(1))

    def opened(count):
        found = [Pretended() for _ in range(count)]
        return found, [room.admit(one) for one in found]

    return room, opened, dropped


def test_the_connection_that_was_silent_for_longest_makes_room(crowd):
    room, opened, dropped = crowd
    first, let_in = opened(6)
    room.asked(first[0])
    more_let_in = opened(2)[1]
    assert all(let_in + more_let_in)
    assert [one.dropped for one in first] == [False, True, True, False, False, False]
    assert (len(room), len(dropped)) == (6, 2)


def test_one_that_was_answered_is_kept_before_those_that_never_asked(crowd):
    room, opened, _ = crowd
    good, _ = opened(3)
    for one in good:
        room.asked(one)
        room.answered(one)
    silent, _ = opened(6)
    assert not any(one.dropped for one in good)
    assert [one.dropped for one in silent] == [True, True, True, False, False, False]


def test_few_that_never_asked_are_let_be(crowd):
    """Or nobody new could ever ask beside connections that are kept open."""
    room, opened, _ = crowd
    good, _ = opened(5)
    for one in good:
        room.asked(one)
        room.answered(one)
    silent, _ = opened(2)
    assert not any(one.dropped for one in silent)
    assert [one.dropped for one in good] == [True, False, False, False, False]


def test_where_all_are_busy_nobody_else_is_let_in(crowd):
    room, opened, dropped = crowd
    busy, _ = opened(6)
    for number, one in enumerate(busy, start=1):
        room.asked(one)
        assert room.crowded == (number > 4)
    assert opened(1)[1] == [False]
    assert len(dropped) == 1
    room.gone(busy[0])
    assert opened(1)[1] == [True]
    assert not any(one.dropped for one in busy)


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        (20_000, None, 1000),
        (20_000, 5000, 5000),
        (1024, None, 1024 - FILES - SPARE),
        (256, 128, 128),
        (None, 10**6, 10**6),
    ],
)
def test_there_are_as_many_as_may_be_open_files(files, asked, found, monkeypatch):
    monkeypatch.setattr(connections, "_open_files", lambda: files)
    assert most_connections(asked) == found


@pytest.mark.parametrize(
    ("files", "asked", "said"),
    [(256, 129, "--max-connections 129: the limit of open files here is 256, which has room for 128"),
     (100, None, "a server needs 129 open files at least, and the limit here is 100; raise it: ulimit -n 1024")],
)  # fmt: skip
def test_more_are_refused_in_one_line(files, asked, said, monkeypatch):
    monkeypatch.setattr(connections, "_open_files", lambda: files)
    with pytest.raises(BadRequest) as refused:
        most_connections(asked)
    assert said in str(refused.value)


def test_the_limit_of_this_process_is_read():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        assert most_connections(None) == 512 - FILES - SPARE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def silent(server, count, words=b""):
    """So many connections that say no more than this; some may be hung up on."""
    opened = []
    try:
        for _ in range(count):
            sock = server.connect()
            opened.append(sock)
            with contextlib.suppress(OSError):
                sock.sendall(words)
        yield opened
    finally:
        for sock in opened:
            sock.close()


def healthy(server):
    """Whether the server's probe is answered at once."""
    status, _, body = server.get("/health")
    return (status, json.loads(body)) == (200, {"status": "ok"})


def test_silent_connections_leave_room_for_probes_and_questions(start):
    server = start(files=256, deadline=60)
    assert server.process.poll() is None
    for words in (b"", b"POST /classify HTTP/1.1\r\nhost: localhost\r\n"):
        with silent(server, 400, words):
            assert all(healthy(server) for _ in range(20))
            assert server.ask("good")[0] == 200
            open_files = psutil.Process(server.process.pid).num_fds()
            assert open_files < 256
    found = dict(line.rsplit(" ", 1) for line in server.metrics() if not line.startswith("#"))
    assert float(found["slmworks_connections_dropped_total"]) >= 400
    code, (_, errors) = server.stop()
    assert (code, errors) == (0, "")


def test_questions_that_never_end_leave_room_for_probes_alone(start):
    server = start(max_connections=50, deadline=60)
    head = HEAD + b"content-length: 100\r\n\r\n{"
    with silent(server, 50, head) as busy:
        until(lambda: "slmworks_requests_in_flight 50.0" in server.metrics())
        assert all(healthy(server) for _ in range(20))
        assert server.get("/ready")[0] == 200
        status, said, body = server.ask("good")
        assert (status, "retry-after: 1" in said, "connection: close" in said) == (503, True, True)
        assert json.loads(body) == {"error": "too many questions are open; try again in a second"}
        busy[0].sendall(b'"text": "good"}' + b" " * 84)
        assert reply(busy[0])[0] == 200
        assert server.ask("good")[0] == 200
    assert server.stop()[0] == 0


def test_where_no_connection_can_be_closed_a_new_one_is_told_so(start):
    server = start(max_connections=1, deadline=60)
    endless = b"GET /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n"
    with silent(server, 1 + SPARE, HEAD + b"content-length: 100\r\n\r\n{") as busy:
        # All but one are refused, which makes them silent: then a new one takes their place.
        until(lambda: sum(map(_refused, busy)) == SPARE)
        assert healthy(server)
        assert server.send(endless)[0] == 200
    assert server.stop()[0] == 0


def _refused(sock):
    sock.settimeout(0.05)
    with contextlib.suppress(TimeoutError):
        return b" 503 " in sock.recv(100, socket.MSG_PEEK)
    return False


def test_long_bodies_share_a_budget(start):
    server = start(deadline=60, max_bodies=8 << 20)
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    part = HEAD + b"content-length: 1000000\r\n\r\n" + b"[" * 900_000
    with contextlib.ExitStack() as opened:
        socks = [opened.enter_context(server.connect()) for _ in range(60)]
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.sendall(part)
        until(lambda: sum(map(_refused, socks)) >= 50)
        grown = process.memory_info().rss - before
        assert grown < 40e6
        assert server.ask("good")[0] == 200  # a short question needs none of it
        refused = next(sock for sock in socks if _refused(sock))
        status, said, body = reply(refused)
        assert (status, "retry-after: 1" in said, "connection: close" in said) == (503, True, True)
        assert json.loads(body) == {"error": "too many long bodies are open; try again in a second"}
    until(lambda: server.ask("good" * 4000)[0] == 200)
    assert server.ask(*["good " * 3000] * 60)[0] == 200  # they are gone: there is room for a long one again


def test_one_longest_body_is_always_taken(start):
    server = start(max_body=100_000, max_bodies=1)
    assert server.ask(*["good " * 2000] * 9)[0] == 200


def test_a_client_that_never_reads_is_ended_without_a_word(start):
    server = start(deadline=2)
    long = question(*["good"] * 1000) * 50  # 7 MB of answers, more than the system takes
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.settimeout(0.5)
        with contextlib.suppress(OSError):
            sock.sendall(long)
        until(lambda: "slmworks_connections 1.0" in server.metrics(), 60)  # the one that asks
    code, (_, errors) = server.stop()
    assert (code, errors) == (0, "")


def test_requests_sent_ahead_are_answered_up_to_a_number(start):
    server = start()
    process = psutil.Process(server.process.pid)
    asked = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(asked * 64)
        answers = b""
        while answers.count(b" 200 OK") < 64:
            answers += sock.recv(65536)
    before = process.memory_info().rss
    for _ in range(5):
        with server.connect() as sock, contextlib.suppress(ConnectionError, TimeoutError):
            sock.settimeout(0.5)
            for _ in range(1000):
                sock.sendall(asked * 100)
    assert process.memory_info().rss - before < 20e6
    assert server.ask("good")[0] == 200
    code, (_, errors) = server.stop()
    assert (code, errors) == (0, "")


def test_a_client_that_hangs_up_with_answers_unread_is_no_fault(start):
    server = start(deadline=0.2)
    for _ in range(5):
        with server.connect() as sock:
            sock.settimeout(1)
            with contextlib.suppress(OSError):
                for _ in range(20):
                    sock.sendall(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n" * 50)
    until(lambda: "slmworks_connections 1.0" in server.metrics())
    time.sleep(0.5)  # two looks at what is not there any more
    code, (_, errors) = server.stop()
    assert (code, errors) == (0, "")
