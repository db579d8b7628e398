"""A generator behind the server, and the same llama.cpp asked in this process: tokens a second, first token.

    python tests/benchmarks/generation_server.py MODEL.gguf

Both sides are asked in turn, by as many clients, for answers to prompts of one length that nobody asked before;
so the ratios say what HTTP, the queue and the chat template cost. Clients run in this process, too.
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
from pathlib import Path
from urllib.parse import urlsplit

sys.path[:0] = [str(Path(__file__).parents[1])]

from generators import NAME, enter, generator

from slmworks.contract.generation import Settings
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks_gguf.streaming import fields
from slmworks_serve.client import running
from slmworks_serve.limits import Limits
from slmworks_serve.run import server

WORDS = "river stone apple winter music paper garden window silver coffee travel market doctor island".split()
CLIENTS = (1, 4, 16)
Ask = Callable[[str], tuple[float, int]]
"""Asks one question: seconds to the first token, tokens."""


def question(chance: random.Random) -> str:
    return "Write a story about " + ", ".join(chance.choices(WORDS, k=12)) + "."


def measured(ask: Ask, questions: list[str]) -> tuple[float, float]:
    """All at once: tokens a second, and the median seconds to the first token."""
    found: list[tuple[float, int]] = []
    threads = [threading.Thread(target=lambda one=one: found.append(ask(one))) for one in questions]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - began
    assert len(found) == len(questions)
    return sum(tokens for _, tokens in found) / spent, statistics.median(first for first, _ in found)


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("model", type=Path)
    words.add_argument("--tokens", type=int, default=24)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--threads", type=int, default=1)
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp())
    store = open_store(str(folder / "store"))
    enter(store, generator(given.model, folder / "model"))
    limits = Limits(slots=4, context=512, max_generations=16, first_token_deadline=600, answer_deadline=600)
    service, once = server(approved_release(Registry(store), NAME), threads=given.threads, limits=limits)
    runtime = service.model.runtime

    def row(text: str) -> dict:
        return {"messages": [{"role": "user", "content": text}]}

    def bare(text: str) -> tuple[float, int]:
        prepared = runtime.prepare(row(text), Settings(max_tokens=given.tokens))
        began, seen = time.perf_counter(), []

        def take(piece: dict) -> bool:
            seen.append((time.perf_counter() - began, piece.get("usage")))
            return False

        runtime._llama.stream(prepared.ids, fields(prepared), take)
        return seen[0][0], seen[-1][1]["completion_tokens"]

    with running(once) as address:

        def served(text: str) -> tuple[float, int]:
            began, first, last = time.perf_counter(), 0.0, b""
            line = http.client.HTTPConnection(urlsplit(address).netloc)
            body = {
                **row(text),
                "max_tokens": given.tokens,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            line.request(
                "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"}
            )
            for event in line.getresponse():
                if b'"content":"' in event and b'"content":""' not in event:
                    first = first or time.perf_counter() - began
                if b'"completion_tokens"' in event:
                    last = event
            return first, json.loads(last.removeprefix(b"data: "))["usage"]["completion_tokens"]

        chance = random.Random(0)
        bare(question(chance)), served(question(chance))
        print("clients  tokens/s bare  served  ratio   first token bare  served  ratio")
        for clients in CLIENTS:
            sides: dict[str, list[tuple[float, float]]] = {"bare": [], "served": []}
            for number in range(given.rounds):
                order = [("bare", bare), ("served", served)]
                for side, ask in order if number % 2 else reversed(order):
                    sides[side].append(measured(ask, [question(chance) for _ in range(clients)]))
            (rate, first), (our_rate, our_first) = (
                [statistics.median(one[at] for one in sides[side]) for at in (0, 1)]
                for side in ("bare", "served")
            )
            print(
                f"{clients:7}  {rate:13.1f}  {our_rate:6.1f}  {our_rate / rate:5.2f}"
                f"   {first:14.2f} s  {our_first:4.2f} s  {our_first / first:5.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
