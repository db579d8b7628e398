"""A conversation with a generator in the terminal, or by lines of a pipe."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.contract.plain_text import visible
from slmworks_serve.chat_client import ChatServer, ContextFull

RESET, QUIT = "/reset", "/quit"
HELP = f"{RESET} begins a new conversation, {QUIT} ends; Ctrl-C stops an answer"


@dataclass
class Conversation:
    """What was said so far, and the settings of every answer."""

    server: ChatServer
    settings: Mapping[str, Any]
    """Fields of a request, beside the messages: `model`, `temperature`."""
    system: str = ""
    turns: list[dict[str, str]] = field(default_factory=list)

    def reset(self) -> None:
        """Begin again."""
        self.turns.clear()

    def answer(self, question: str, write: "Writer") -> str:
        """Ask, write the answer piece by piece, and keep both; a line about it.

        An answer that was stopped (KeyboardInterrupt) is kept as far as it came. Whatever else goes wrong
        leaves the conversation as it was.
        """
        asked = {"role": "user", "content": question}
        first = [{"role": "system", "content": self.system}] if self.system else []
        body = {
            **self.settings,
            "messages": [*first, *self.turns, asked],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        said = _Said()
        with contextlib.suppress(KeyboardInterrupt), contextlib.closing(self.server.events(body)) as events:
            said.take(events, write)
        write("\n")
        if said.text:
            self.turns += [asked, {"role": "assistant", "content": said.text}]
        return said.line()


class Writer:
    """Standard output, as the pieces come: on a terminal nothing in them acts."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    def __call__(self, text: str) -> None:
        """Write a piece at once."""
        sys.stdout.write(visible(text) if self._terminal else text)
        sys.stdout.flush()


@dataclass
class _Said:
    """An answer, as it comes."""

    text: str = ""
    finish: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    sources: Sequence[str] | None = None
    """Ids of the passages that it was answered with; None of a model that has none."""
    asked: float = field(default_factory=time.monotonic)
    first: float = 0.0
    last: float = 0.0

    def take(self, events: Iterator[Mapping[str, Any]], write: Writer) -> None:
        for event in events:
            self.usage = event.get("usage") or self.usage
            for choice in event["choices"]:
                self.finish = choice["finish_reason"] or self.finish
                if "passages" in choice:
                    self.sources = [str(one["id"]) for one in choice["passages"]]
                if text := choice["delta"].get("content"):
                    self.last = time.monotonic()
                    self.first = self.first or self.last
                    self.text += text
                    write(text)

    def line(self) -> str:
        """Tokens, their rate, and why it ended where that wasn't the model's will."""
        if not self.finish:
            return "stopped"
        tokens = self.usage["completion_tokens"]
        seconds = self.last - self.first
        rate = f", {(tokens - 1) / seconds:.1f} tokens/s" if tokens > 1 and seconds else ""
        begin = f", the first after {self.first - self.asked:.2f} s" if self.first else ""
        cut = f"; cut off: --max-tokens, or a full context ({RESET})" if self.finish == "length" else ""
        return f"{tokens} tokens{rate}{begin}{cut}{self._from()}"

    def _from(self) -> str:
        """Where the passages are from."""
        if self.sources is None:
            return ""
        return f"; from {', '.join(self.sources)}" if self.sources else "; no passage was near enough"


def converse(conversation: Conversation, name: str) -> None:
    """Answer lines of standard input until it ends, or says so.

    On a terminal an error is a line and the conversation goes on; in a pipe it ends the program.
    """
    write = Writer()
    if sys.stdin.isatty():
        _note(f"{name}: {HELP}")
        for question in _typed():
            try:
                _ask(conversation, question, write)
            except SlmworksError as error:
                _note(_way_out(error))
        return
    for number, line in enumerate(sys.stdin, 1):
        if line.strip() == QUIT:
            return
        try:
            _ask(conversation, line.strip(), write)
        except SlmworksError as error:
            raise type(error)(f"line {number}: {_way_out(error)}") from None


def _ask(conversation: Conversation, question: str, write: Writer) -> None:
    if question == RESET:
        conversation.reset()
        _note("a new conversation")
    elif question.startswith("/"):
        raise BadRequest(f"{question.split(maxsplit=1)[0]} is no command; {HELP}.")
    elif question:
        _note(conversation.answer(question, write))


def _typed() -> Iterator[str]:
    """What is typed, until /quit or the end."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - arrows and history
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            _note("")
            return
        except KeyboardInterrupt:
            _note(f"\n{HELP}")
            continue
        if question == QUIT:
            return
        yield question


def _way_out(error: SlmworksError) -> str:
    return f"{error} {RESET} begins a new conversation." if isinstance(error, ContextFull) else str(error)


def _note(line: str) -> None:
    print(visible(line), file=sys.stderr, flush=True)
