"""`slmworks chat`: a real process, by pipe and by terminal."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from serving import Served

from generators import NAME
from slmworks.contract.generation import Settings
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks_serve.chat import Writer, _Said
from slmworks_serve.guard import Access
from slmworks_serve.tokens import Tokens

COMMAND = [sys.executable, "-m", "slmworks", "chat"]


def chat(both_kinds: Path, said: str, *words: str) -> Any:
    command = [*COMMAND, NAME, "--store", str(both_kinds), "--threads=1", *words]
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def served(both_kinds: Path):
    with Served(
        approved_release(Registry(open_store(str(both_kinds))), NAME), slots=1, context=1024
    ) as served:
        yield served


def answers(served: Served, *questions: str) -> list[str]:
    turns, found = [], []
    for question in questions:
        turns.append({"role": "user", "content": question})
        found.append(served.runtime.answer([{"messages": turns}])[0]["text"])
        turns.append({"role": "assistant", "content": found[-1]})
    return found


def test_lines_of_a_pipe_are_one_conversation(both_kinds: Path, served: Served) -> None:
    done = chat(both_kinds, "ab cd\nhello\n\n/reset\nhello\n/quit\nab\n")
    first, second = answers(served, "ab cd", "hello")
    (alone,) = answers(served, "hello")
    assert done.stdout == f"{first}\n{second}\n{alone}\n"
    assert second != alone
    assert (
        len(
            re.findall(
                r"^12 tokens, \d+\.\d tokens/s, the first after \d+\.\d\d s; cut off",
                done.stderr,
                re.MULTILINE,
            )
        )
        == 3
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("passages", "line"),
    [([{"id": "a.md#0"}, {"id": "b.md#2"}], "; from a.md#0, b.md#2"), ([], "; no passage was near enough")],
)
def test_the_passages_of_an_answer_are_named_below_it(passages: list[dict[str, str]], line: str) -> None:
    said = _Said()
    choice = {"delta": {}, "finish_reason": "stop", "passages": passages}
    said.take(iter([{"choices": [choice], "usage": {"completion_tokens": 1}}]), Writer())
    assert said.line() == f"1 tokens{line}"


def test_a_server_that_runs_is_asked(both_kinds: Path, served: Served, tmp_path: Path) -> None:
    ask = [*COMMAND, NAME, "--url"]
    done = subprocess.run(
        [*ask, served.address], input="ab cd\n", capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.returncode) == (answers(served, "ab cd")[0] + "\n", 0)
    token = "a-token-of-this-server"
    (tmp_path / "token").write_text(token + "\n")
    with Served(
        approved_release(Registry(open_store(str(both_kinds))), NAME),
        slots=1,
        access=Access(tokens=Tokens(token)),
    ) as closed:
        words = [*ask, closed.address, "--max-tokens=3"]
        refused = subprocess.run(words, input="a\n", capture_output=True, text=True, check=False, timeout=60)
        assert (refused.returncode, refused.stderr) == (
            2,
            "slmworks: line 1: send a token of this server: authorization: Bearer TOKEN\n",
        )
        let_in = subprocess.run(
            [*words, "--token-file", str(tmp_path / "token")],
            input="a\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert let_in.returncode == 0, let_in.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nobody"], "no model is registered as 'nobody'"),
        (["reviews"], "reviews v1 is for text-classification, and generates no text piece by piece; ask it with  slmworks serve reviews --ask TEXT."),
        ([NAME, "--version=7"], "7"),
        ([NAME, "--context=9000"], "a context of 9000 tokens, and the model reads 8192"),
        ([NAME, "--url=ftp://a"], "--url ftp://a: no address of a server"),
        ([NAME, "--url=http://127.0.0.1:9"], "http://127.0.0.1:9 does not answer (Connection refused)"),
        ([NAME, "--url=http://127.0.0.1:9", "--version=1"], "--url asks a server that runs: leave out --version or --url."),
        ([NAME, "--url=http://127.0.0.1:9", "--token-file=/nowhere"], "the token file /nowhere cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(both_kinds: Path, words: list[str], line: str) -> None:
    more = [] if any("--url" in word for word in words) else ["--store", str(both_kinds)]
    done = subprocess.run(
        [*COMMAND, *words, *more], input="hi\n", capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


def test_another_model_and_a_command_that_is_none(served: Served, both_kinds: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "other", "--url", served.address],
        input="hi\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (
        2,
        f"slmworks: line 1: the model 'other' is not served here; '{NAME}' is.\n",
    )
    done = chat(both_kinds, "/wipe\n")
    assert (done.returncode, "line 1: /wipe is no command; /reset begins" in done.stderr) == (2, True)


def test_a_full_context_is_said_with_the_way_out(both_kinds: Path) -> None:
    done = chat(both_kinds, "ab cd\n" + "x " * 400 + "\n", "--context=256")
    assert done.returncode == 2
    assert re.search(
        r"line 2: the prompt has \d+ tokens, and the model reads 256 with its answer; shorten the conversation\. /reset begins a new conversation\.\n$",
        done.stderr,
    ), done.stderr


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self.child, self._master = pty.fork()
        if not self.child:
            os.environ["TERM"] = "dumb"
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's job in the background ignores it
            os.execv(sys.executable, [*COMMAND, *words])
        self.said = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, pattern: str, seconds: float = 60) -> str:
        limit = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said, re.DOTALL)):
            assert time.monotonic() < limit, self.said
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._master, 65536).decode(errors="replace")
                except OSError:
                    assert re.search(pattern, self.said, re.DOTALL), self.said
        self.said = self.said[found.end() :]
        return found.group()

    def type_until(self, text: str, pattern: str) -> None:
        """Type a key again each second until it has been read as meant: before, it stops the last answer."""
        for _ in range(30):
            self.type(text)
            with contextlib.suppress(AssertionError):
                self.until(pattern, 1)
                return
        self.until(pattern, 1)

    def interrupt(self) -> None:
        """Ctrl-C while it stands still, so that a fast answer doesn't end before."""
        os.kill(self.child, signal.SIGSTOP)
        self.type("\x03")
        os.kill(self.child, signal.SIGCONT)

    def ended(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


WORDS = (
    "hello",
    "ab cd",
    "a",
    "one two three",
    "is it open",
    "why",
    "tell me more",
    "x y z",
    "good day",
    "no",
)


def endless(served: Served) -> str:
    """A message whose greedy answer goes on for long: which one does depends on the processor's rounding."""
    asked = [({"messages": [{"role": "user", "content": word}]}, Settings(max_tokens=900)) for word in WORDS]
    found: dict[int, Any] = {}
    served.runtime.write(asked, found.__setitem__)
    return next(word for place, word in enumerate(WORDS) if found[place].finish == "length")


def test_ctrl_c_stops_the_answer_and_not_the_program(both_kinds: Path, served: Served) -> None:
    word = endless(served)
    terminal = Terminal(
        NAME, "--store", str(both_kinds), "--threads=1", "--max-tokens=8000", "--context=8192"
    )
    terminal.until(r"chatter: /reset begins a new conversation.*> ")
    terminal.type(f"{word}\n")
    terminal.until(rf"{word}\r\n.{{40}}")
    terminal.interrupt()
    terminal.until(r"stopped\r\n.*?> ")
    terminal.type_until("\x03", r"Ctrl-C stops an answer\r\n.*?> ")
    terminal.type("/wipe\n")
    terminal.until(r"/wipe is no command.*?> ")
    terminal.type("/reset\n")
    terminal.until(r"a new conversation\r\n.*?> ")
    terminal.type("/quit\n")
    assert terminal.ended() == 0
