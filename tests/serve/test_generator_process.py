"""`slmworks serve` of a generator as a process: its first line, a stop in the middle of a stream, its options."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from generators import NAME

ENDLESS = {
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 8000,
    "n": 16,
    "stop": "never there",
    "stream": True,
}


def command(both_kinds: Path, name: str, *words: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "slmworks",
        "serve",
        name,
        "--store",
        str(both_kinds),
        "--port=0",
        "--threads=1",
        *words,
    ]


def test_it_stops_in_the_middle_of_a_stream(both_kinds: Path) -> None:
    words = command(both_kinds, NAME, "--slots=1", "--context=8192", "--grace=1")
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = server.stdout.readline()
        port = int(re.search(r"answers at http://127\.0\.0\.1:(\d+)/generate", said)[1])
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        line.request(
            "POST", "/v1/chat/completions", json.dumps(ENDLESS), {"content-type": "application/json"}
        )
        reply = line.getresponse()
        assert reply.readline().startswith(b"data: {")
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        last = reply.read().strip().splitlines()[-1]
        assert json.loads(last.removeprefix(b"data: "))["error"]["message"] == "the server is stopping"
        out, err = server.communicate(timeout=60)
        assert (server.returncode, out.strip()) == (0, f"{NAME} v1 stopped")
        assert "Traceback" not in err
        assert time.monotonic() - began < 30
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("name", "words", "line"),
    [
        ("reviews", ["--slots=2"], "--slots is for models that generate text piece by piece, and reviews is for text-classification; leave it out."),
        ("reviews", ["--answer-deadline=2"], "--answer-deadline is for models that generate text"),
        (NAME, ["--context=9000"], "a context of 9000 tokens, and the model reads 8192; ask for 8192 at most."),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_one_line(
    both_kinds: Path, name: str, words: list[str], line: str
) -> None:
    done: Any = subprocess.run(
        command(both_kinds, name, *words),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_question_by_the_command_line(both_kinds: Path) -> None:
    question = json.dumps({"messages": [{"role": "user", "content": "ab"}]})
    words = [sys.executable, "-m", "slmworks", "serve", NAME, "--store", str(both_kinds), "--ask", question]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, f"{NAME} v1 at http://127.0.0.1:" in done.stdout) == (0, True), done.stderr
