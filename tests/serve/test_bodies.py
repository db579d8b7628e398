"""Bodies as gateways and clients send them: packed, with a byte order mark, too large either way."""

import gzip
import tracemalloc
import zlib

import pytest
from starlette.testclient import TestClient

from releases import built, word_counter
from slmworks_serve import bodies
from slmworks_serve.app import Service, create_app
from slmworks_serve.limits import Limits, Refused
from slmworks_serve.model import load

JSON = {"content-type": "application/json"}
GZIP = {**JSON, "content-encoding": "gzip"}
BODY = b'{"text": "good"}'


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    approved = built(word_counter(folder / "model"), folder / "release")
    service = Service(load(approved), 1, Limits(max_body=10_000))
    with TestClient(create_app(service)) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "x-gzip"),
        (gzip.compress(BODY), " GZIP "),
        (gzip.compress(b"\xef\xbb\xbf" + BODY), "gzip"),
        (b"\xef\xbb\xbf" + BODY, "identity"),
        (BODY, "identity"),
        (BODY, ""),
    ],
)
def test_a_body_is_unpacked_and_a_byte_order_mark_is_skipped(client, body, encoding):
    reply = client.post("/classify", content=body, headers={**JSON, "content-encoding": encoding})
    assert reply.status_code == 200, reply.text
    assert reply.json()["label"] == "positive"


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (zlib.compress(BODY), {**JSON, "content-encoding": "deflate"}, 415, "content-encoding is 'deflate'"),
        (BODY, {**JSON, "content-encoding": "br"}, 415, "content-encoding is 'br'; send the body plain"),
        (gzip.compress(BODY), {**JSON, "content-encoding": "gzip, gzip"}, 415, "'gzip, gzip'"),
        (BODY, GZIP, 400, "the content-encoding is gzip, and the body is not"),
        (b"", GZIP, 400, "ends too early"),
        (gzip.compress(BODY)[:-9], GZIP, 400, "ends too early"),
        (gzip.compress(BODY) * 2, GZIP, 400, "goes on after its end"),
        (gzip.compress(BODY)[:-8] + b"\0" * 8, GZIP, 400, "and the body is not"),
        (gzip.compress(b" " * 10_000 + BODY), GZIP, 413, "longer than 10000 bytes"),
        (gzip.compress(b"{"), GZIP, 400, "not JSON"),
        (b"\xef\xbb\xbf", JSON, 400, "not JSON"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + BODY, JSON, 400, "not JSON"),
        (
            gzip.compress(BODY),
            {"content-type": "text/plain", "content-encoding": "gzip"},
            415,
            "content-type",
        ),
    ],
)
def test_what_cannot_be_unpacked_gets_one_clear_line(client, body, headers, status, words):
    reply = client.post("/classify", content=body, headers=headers)
    assert reply.status_code == status
    assert words in reply.json()["error"]
    assert "\n" not in reply.json()["error"]
    assert (reply.headers.get("accept-encoding") == "gzip, identity") == (status == 415)


def asked(client, body, kind):
    reply = client.post("/classify", content=body, headers={"content-type": kind})
    return reply.status_code, reply.json().get("error", reply.json().get("label"))


@pytest.mark.parametrize(
    ("body", "charset", "status", "words"),
    [
        (BODY, "utf-8", 200, "positive"),
        (BODY, '"UTF-8"', 200, "positive"),
        (BODY, "iso-8859-1", 200, "positive"),  # ASCII means the same in it
        ('{"text": "good café"}'.encode(), "UTF8", 200, "positive"),
        ('{"text": "good café"}'.encode("latin-1"), "iso-8859-1", 415, "the charset is 'iso-8859-1'; JSON is"),
        ('{"text": "good café"}'.encode(), "windows-1252", 415, "the charset is 'windows-1252'"),
        ('{"text": "good café"}'.encode("latin-1"), "utf-8", 400, "not UTF-8 (byte 18, 0xe9)"),
        ('{"text": "好"}'.encode("gbk"), "gbk", 415, "the charset is 'gbk'"),
        ('{"text": "good"}'.encode("utf-16"), "utf-16", 400, "the body is UTF-16 or UTF-32"),
        ('{"text": "good"}'.encode("utf-16-le"), "utf-8", 400, "the body is UTF-16 or UTF-32"),
        ('{"text": "good"}'.encode("utf-32-be"), "utf-8", 400, "the body is UTF-16 or UTF-32"),
        (b'{"text": "good \xed\xa0\xbd"}', "utf-8", 400, "not UTF-8 (byte 15, 0xed)"),
        (b'{"text": "good \xc0\xaf"}', "utf-8", 400, "not UTF-8 (byte 15, 0xc0)"),
        (b'{"text": "good \\ud83d\\ude00"}', "utf-8", 200, "positive"),
    ],
)  # fmt: skip
def test_json_is_utf_8_and_what_is_not_is_said(client, body, charset, status, words):
    code, said = asked(client, body, f"application/json; charset={charset}")
    assert (code, words in said) == (status, True), said


def test_a_character_may_come_in_two_pieces(client):
    def pieces():
        yield b'{"text": "good caf\xc3'
        yield b'\xa9"}'

    assert asked(client, pieces(), "application/json") == (200, "positive")


def test_as_much_as_may_come_plain_may_come_packed(client):
    full = BODY + b" " * (10_000 - len(BODY))
    assert client.post("/classify", content=gzip.compress(full), headers=GZIP).status_code == 200


def test_a_bomb_is_not_unpacked():
    bomb = gzip.compress(b" " * (200 << 20))  # 200 kB for 200 MB
    tracemalloc.start()
    with pytest.raises(Refused, match="longer than 1048576 bytes") as refused:
        bodies.unpacked(bomb, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 8 << 20
