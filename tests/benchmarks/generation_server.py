"""A generator behind the server, and the same llama.cpp asked in this process: tokens a second, first token.

    python tests/benchmarks/generation_server.py MODEL.gguf

Both sides are asked in turn, by as many clients, for answers to prompts of one length that nobody asked before;
so the ratios say what HTTP, the queue and the chat template cost. Clients run in this process, too. Each cell of the
table has llama.cpp's number, the server's, and their ratio.
"""

import argparse
import http.client
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "gguf"))

from generators import NAME, enter, generator
from slmworks.contract.generation import Settings
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks_gguf.streaming import fields
from slmworks_serve.client import running
from slmworks_serve.limits import Limits
from slmworks_serve.run import server

WORDS = (
    "river",
    "stone",
    "apple",
    "winter",
    "music",
    "paper",
    "garden",
    "window",
    "silver",
    "coffee",
    "travel",
)
CLIENTS = (1, 4, 16)
HEADERS = {"content-type": "application/json"}
Ask = Callable[[str], tuple[float, int]]
"""Asks one question: seconds to the first token, tokens."""


@dataclass(frozen=True)
class Measured:
    """One side, asked by some clients at once."""

    rate: float
    """Tokens a second."""
    first: float
    """Median seconds to the first token."""
    cpu: float
    """CPU seconds of this process a token, clients included: what other programs do to the clock isn't in it."""


def question(chance: random.Random) -> str:
    return "Write a story about " + ", ".join(chance.choices(WORDS, k=12)) + "."


def row(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def bare(runtime: Any, tokens: int) -> Ask:
    """Asks llama.cpp itself; the time of the chat template doesn't count."""

    def ask(text: str) -> tuple[float, int]:
        prepared = runtime.prepare(row(text), Settings(max_tokens=tokens))
        seen: list[tuple[float, Any]] = []

        def take(piece: dict[str, Any]) -> bool:
            seen.append((time.perf_counter() - began, piece.get("usage")))
            return False

        began = time.perf_counter()
        runtime._llama.stream(prepared.ids, fields(prepared), take)
        return seen[0][0], seen[-1][1]["completion_tokens"]

    return ask


def served(address: str, tokens: int) -> Ask:
    """Asks the server for a stream."""

    def ask(text: str) -> tuple[float, int]:
        body = {**row(text), "max_tokens": tokens, "stream": True, "stream_options": {"include_usage": True}}
        line = http.client.HTTPConnection(urlsplit(address).netloc)
        usage: dict[str, int] = {}
        began, first = time.perf_counter(), 0.0
        line.request("POST", "/v1/chat/completions", json.dumps(body), HEADERS)
        for said in line.getresponse():
            if not said.startswith(b"data: {"):
                continue
            event = json.loads(said.removeprefix(b"data: "))
            if any(choice["delta"].get("content") for choice in event["choices"]):
                first = first or time.perf_counter() - began
            usage = event.get("usage") or usage
        return first, usage["completion_tokens"]

    return ask


def measured(ask: Ask, questions: list[str]) -> Measured:
    """All questions at once."""
    found: list[tuple[float, int]] = []
    threads = [threading.Thread(target=lambda one=one: found.append(ask(one))) for one in questions]
    began, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert len(found) == len(questions)
    tokens = sum(tokens for _, tokens in found)
    return Measured(tokens / spent, statistics.median(first for first, _ in found), cpu / tokens)


def compared(sides: dict[str, Ask], clients: int, rounds: int, chance: random.Random) -> str:
    """A line of the table: both sides in turn, medians over the rounds."""
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sorted(sides, reverse=bool(number % 2)):
            found[name].append(measured(sides[name], [question(chance) for _ in range(clients)]))
    cells = [f"{clients:7}"]
    for what in ("rate", "first", "cpu"):
        theirs, ours = (statistics.median(getattr(one, what) for one in found[name]) for name in sides)
        cells.append(f"{theirs:9.3f} {ours:7.3f} {ours / theirs:6.2f}")
    return "   ".join(cells)


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("model", type=Path)
    words.add_argument("--tokens", type=int, default=16)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--threads", type=int, default=1)
    words.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp())
    store = open_store(str(folder / "store"))
    enter(store, generator(given.model, folder / "model"))
    limits = Limits(slots=4, context=512, max_generations=16, first_token_deadline=600, answer_deadline=600)
    service, once = server(approved_release(Registry(store), NAME), threads=given.threads, limits=limits)
    chance = random.Random(0)
    with running(once) as address:
        sides = {"bare": bare(service.model.runtime, given.tokens), "served": served(address, given.tokens)}
        for ask in sides.values():
            ask(question(chance))
        heads = ("tokens/s", "first token, s", "CPU s/token")
        print("clients   " + "   ".join(f"{head:>24}" for head in heads))
        for clients in given.clients:
            print(compared(sides, clients, given.rounds, chance), flush=True)


if __name__ == "__main__":
    main()
