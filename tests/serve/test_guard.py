"""Who may ask a server on a real socket: by which name, with which token, at which port."""

import contextlib
import json

import pytest
from wire import HEAD, question, reply, until

from slmworks.contract.errors import BadRequest
from slmworks_serve.client import ask

TOKEN, OTHER = "correct-horse-battery", "staple-of-16-and-more"
BODY = b'{"text": "good"}'
GET = b"GET /health HTTP/1.1\r\n"


def said(found):
    """(status, the one line) of an answer."""
    status, head, body = found
    assert "content-type: application/json" in head
    assert "x-content-type-options: nosniff" in head
    (line,) = json.loads(body).values()
    assert "\n" not in line
    return status, line


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN}\n")
    return path


def test_a_server_is_asked_by_its_own_name(start):
    server = start("--allowed-hosts", "reviews.example,*.models.example", "--allowed-hosts", "gateway")
    here = f"127.0.0.1:{server.port}"
    for name in ("localhost", here, "reviews.example", "a.models.example:443", "GATEWAY"):
        assert server.send(GET + f"host: {name}\r\n\r\n".encode())[0] == 200
    for host, status, line in (
        (
            b"host: evil.example\r\n",
            421,
            "this server is not called 'evil.example'; whoever runs it can add the name",
        ),
        (b"host: localhost.evil.example\r\n", 421, "this server is not called"),
        (b"", 400, "the request has 0 Host headers; send one."),
        (b"host: localhost\r\nhost: localhost\r\n", 400, "the request has 2 Host headers"),
        (b"host:\r\n", 421, "this server is not called ''"),
        (b"host: \xff\r\n", 421, "this server is not called"),
    ):
        for path in (b"health", b"ready", b"metrics", b"docs", b"openapi.json", b"nothing"):
            found = server.send(b"GET /%s HTTP/1.1\r\n" % path + host + b"\r\n")
            assert said(found)[0] == status
            assert line in said(found)[1]
        post = question("good").replace(b"host: localhost\r\n", host)
        assert said(server.send(post))[0] == status
    assert server.ask("good")[0] == 200
    assert 'slmworks_requests_total{status="421"} 28.0' in server.metrics()


def test_a_server_that_listens_everywhere_is_asked_by_the_address_it_was_reached_at(start):
    server = start("--host", "0.0.0.0")
    for name, status in (("127.0.0.1", 200), ("0.0.0.0", 200), ("localhost", 200), ("192.0.2.1", 421)):
        assert server.send(GET + f"host: {name}\r\n\r\n".encode())[0] == status


def test_any_name_where_that_is_asked_for(start):
    server = start("--allowed-hosts=*")
    assert server.send(GET + b"host: anything.example\r\n\r\n")[0] == 200
    assert said(server.send(GET + b"\r\n"))[0] == 400


@pytest.mark.parametrize(
    "line",
    [b"GET /health\r\n", b"GET /health HTTP/0.9\r\n", b"GET /health HTTP/2.0\r\n", b"GET /health HTTP/1\r\n"],
)
def test_a_request_is_http_1(start, line):
    server = start()
    status, head, body = server.send(line + b"host: localhost\r\n\r\n")
    assert (status, "connection: close" in head) == (400, True)
    assert json.loads(body) == {"error": "the request is not HTTP/1.1."}
    assert server.send(b"GET /health HTTP/1.0\r\nhost: localhost\r\n\r\n")[0] == 200


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        ((), "there is no content-type. Send {"),
        ((b"text/plain",), "the content-type is 'text/plain'"),
        ((b"application/json", b"text/plain"), "the content-type is 'application/json, text/plain'"),
        ((b"application/x-www-form-urlencoded",), "the content-type is"),
        ((b"",), "there is no content-type"),
    ],
    ids=str,
)
def test_a_body_says_that_it_is_json(start, kinds, line):
    server = start()
    heads = b"".join(b"content-type: %s\r\n" % kind for kind in kinds)
    post = b"POST /classify HTTP/1.1\r\nhost: localhost\r\n%scontent-length: %d\r\n\r\n%s"
    status, found = said(server.send(post % (heads, len(BODY), BODY)))
    assert (status, line in found) == (415, True)
    right = b"Content-Type: Application/JSON; charset=utf-8\r\n"
    assert server.send(post % (right, len(BODY), BODY))[0] == 200


def test_without_a_token_there_is_health_and_no_more(start, tokens):
    server = start("--token-file", str(tokens))
    assert server.get("/health")[0] == 200
    status, _, body = server.get("/ready")
    assert (status, json.loads(body)) == (200, {"status": "ready"})
    for given in ((), (f"authorization: Bearer {OTHER}",), (f"authorization: Basic {TOKEN}",)):
        for path in ("/metrics", "/docs", "/", "/openapi.json", "/nothing", "/health/x", "/x/ready"):
            found = server.get(path, *given)
            assert said(found) == (401, "send a token of this server: authorization: Bearer TOKEN")
            assert 'www-authenticate: bearer realm="slmworks"' in found[1]
    assert said(server.ask("good"))[0] == 401


def test_with_a_token_everything_is_as_without_tokens(start, tokens):
    server = start("--token-file", str(tokens))
    address = f"http://127.0.0.1:{server.port}"
    assert ask(f"{address}/classify", {"text": "good"}, token=TOKEN)["label"] == "positive"
    assert ask(f"{address}/ready", token=TOKEN)["name"] == "reviews"
    document = ask(f"{address}/openapi.json", token=TOKEN)
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    with pytest.raises(BadRequest, match="answers 401: send a token of this server"):
        ask(f"{address}/classify", {"text": "good"}, token=OTHER)
    tokens.write_text(f"# the first one leaked\n{OTHER}\n")

    def followed():
        status = server.get("/metrics", f"authorization: Bearer {OTHER}")[0]
        return status == 200

    until(followed)
    with pytest.raises(BadRequest, match="answers 401"):
        ask(f"{address}/ready".replace("ready", "classify"), {"text": "good"}, token=TOKEN)
    code, (out, errors) = server.stop()
    assert (code, errors) == (0, "")
    assert not any(token in text for token in (TOKEN, OTHER) for text in (server.said, out, errors))


def test_tokens_of_the_environment(start):
    server = start(env={"SLMWORKS_SERVE_TOKENS": TOKEN})
    assert server.ask("good")[0] == 401
    assert server.get("/metrics", f"authorization: Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    ("words", "env", "line"),
    [
        (("--token-file", "/dev/null"), {}, "/dev/null holds no token; make one with"),
        (
            ("--token-file", "/nowhere/tokens"),
            {},
            "/nowhere/tokens cannot be read (No such file or directory)",
        ),
        ((), {"SLMWORKS_SERVE_TOKENS": " "}, "SLMWORKS_SERVE_TOKENS holds no token"),
        ((), {"SLMWORKS_SERVE_TOKENS": "hunter2"}, "SLMWORKS_SERVE_TOKENS, line 1: a token is 16 characters"),
        (("--allowed-hosts", "http://a"), {}, "--allowed-hosts 'http://a': write names without a port"),
        (
            ("--max-connections", "1000000000"),
            {},
            "--max-connections 1000000000: the limit of open files here is",
        ),
    ],
)
def test_what_cannot_be_is_one_line_before_it_answers(start, words, env, line):
    server = start(*words, env=env)
    out, errors = server.process.communicate(timeout=30)
    assert (server.process.returncode, server.said, out) == (2, "", "")
    assert line in errors
    assert errors.count("\n") == 1
    assert "hunter2" not in errors


def test_metrics_and_digests_at_a_port_of_their_own(start, tokens):
    server = start("--metrics-port=0", "--token-file", str(tokens))
    apart = server.metrics_port
    assert apart != server.port
    assert f"metrics http://127.0.0.1:{apart}/metrics" in server.said
    found = json.loads(server.get("/ready", port=apart)[2])
    assert (found["status"], len(found["model_digest"])) == ("ready", 64)
    assert "slmworks_model_info" in server.get("/metrics", port=apart)[2]
    assert server.get("/health", port=apart)[0] == 200
    for path in ("/docs", "/openapi.json", "/classify"):
        assert server.get(path, port=apart)[0] == 404
    known = f"authorization: Bearer {TOKEN}"
    assert json.loads(server.get("/ready", known)[2]) == {"status": "ready"}
    assert server.get("/metrics", known)[0] == 404
    for path in ("/docs", "/openapi.json"):
        status, _, body = server.get(path, known)
        assert (status, found["model_digest"] in body, "/metrics" in body) == (200, False, False)
    assert server.send(GET + b"host: evil.example\r\n\r\n", port=apart)[0] == 421
    assert server.stop()[0] == 0


UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAI\r\n"


def test_a_wish_for_another_protocol_is_passed_over(start):
    server = start()
    assert server.send(GET + b"host: localhost\r\n" + UPGRADE + b"\r\n")[0] == 200
    inside = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"  # a second request, if the first had no body
    with server.connect() as sock:
        sock.sendall(HEAD + UPGRADE + b"content-length: %d\r\n\r\n" % len(inside))
        status, head, body = reply(sock)
        assert (status, "connection: close" in head) == (400, True)
        assert json.loads(body)["error"].startswith("this server speaks HTTP/1.1 only")
        sock.settimeout(10)
        with contextlib.suppress(ConnectionError):
            sock.sendall(inside)
            assert sock.recv(100) == b""
    assert server.ask("good")[0] == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://evil.example/health", 421),
        ("http://evil.example:80/health?a=http://localhost/", 421),
        ("http://localhost:8000/health", 200),
        ("http://[::1]/health", 200),
        ("//evil.example/health", 404),
        ("evil.example:80", 400),
        ("/health/", 404),
    ],
)
def test_a_whole_url_is_asked_by_its_own_name(start, target, status):
    server = start()
    assert server.get(target)[0] == status
    if status == 200:
        other = f"GET {target} HTTP/1.1\r\nhost: evil.example\r\n\r\n".encode()
        assert server.send(other)[0] == 200
