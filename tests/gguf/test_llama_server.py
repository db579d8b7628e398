"""llama.cpp's server in this process: closed to others, a stream that can be left, a file that may go."""

import shutil
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.artifact import Model
from slmworks_gguf.llama_server import LlamaRefused, LlamaServer

GREEDY = {"temperature": 0, "ignore_eos": True}


@pytest.fixture(scope="module")
def server(llama_gguf: Model) -> LlamaServer:
    """A toy Llama with two slots."""
    return LlamaServer(str(llama_gguf.path / "model.gguf"), threads=1, slots=2)


def test_nobody_without_the_key_is_answered(server: LlamaServer) -> None:
    address = server._server.listening_address
    assert address.startswith("http://127.0.0.1:")
    for path in ("/props", "/slots"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address + path)


def test_a_stream_says_what_a_whole_answer_says(server: LlamaServer) -> None:
    ids = server.tokenize("ab cd", around=True)
    whole = server.complete(ids, {**GREEDY, "max_tokens": 20})
    pieces: list[dict[str, Any]] = []
    server.stream(ids, {**GREEDY, "max_tokens": 20}, lambda one: bool(pieces.append(one)))
    assert "".join(one["choices"][0]["text"] for one in pieces) == whole["choices"][0]["text"]
    assert pieces[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 20


def test_a_stream_that_is_left_frees_its_slot(server: LlamaServer) -> None:
    ids = server.tokenize("ab cd", around=True)
    left: list[int] = []
    for _ in range(6):  # of two slots
        seen: list[Any] = []

        def enough(piece: Any, seen: list[Any] = seen) -> bool:
            seen.append(piece)
            return len(seen) == 3

        server.stream(ids, {**GREEDY, "max_tokens": 400}, enough)
        left.append(len(seen))
    assert left == [3] * 6
    for _ in range(100):
        if not server.busy:
            break
        time.sleep(0.05)
    assert not server.busy


def test_texts_side_by_side_are_those_of_each_alone(server: LlamaServer) -> None:
    texts = ["ab cd", "x1 y2 z3", "hello"]
    prompts = [server.tokenize(text, around=True) for text in texts]

    def said(ids: list[int]) -> str:
        return str(server.complete(ids, {**GREEDY, "max_tokens": 30})["choices"][0]["text"])

    alone = [said(ids) for ids in prompts]
    together: dict[int, str] = {}

    def ask(place: int) -> None:
        together[place] = said(prompts[place])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(prompts))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [together[place] for place in range(len(prompts))] == alone


def test_its_file_may_go(llama_gguf: Model, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    shutil.copy(llama_gguf.path / "model.gguf", file)
    server = LlamaServer(str(file), threads=1, context=256)
    file.unlink()
    ids = server.tokenize("ab cd", around=True)
    before = server.complete(ids, {**GREEDY, "max_tokens": 8})["choices"]
    server.widen(600)
    assert server.context == 768
    assert server.complete(ids, {**GREEDY, "max_tokens": 8})["choices"] == before


def test_what_llama_cpp_refuses_is_said(server: LlamaServer, tmp_path: Path, llama_gguf: Model) -> None:
    with pytest.raises(LlamaRefused, match="exceeds the available context"):
        server.complete([5] * 2000, GREEDY)
    with pytest.raises(LlamaRefused, match="exceeds the available context"):
        server.stream([5] * 2000, GREEDY, lambda _: False)
    whole = (llama_gguf.path / "model.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LlamaRefused, match=r"cut\.gguf: llama\.cpp doesn't load it .* cut short"):
        LlamaServer(str(tmp_path / "cut.gguf"), threads=1)
