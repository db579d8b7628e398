"""The same greedy text from the folder that was trained, the file that ships, and the server that answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from serving import Served
from toys import exported, toy

from generators import NAME, enter, generator
from slmworks.contract.runtime import open_runtime
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks.testing import Bench

MOST = 10
ROWS = [
    {"messages": [{"role": role, "content": text} for role, text in turns]}
    for turns in (
        [("user", "Hi")],
        [("system", "Be short."), ("user", "Où est l'été? 12 345"), ("assistant", "Ici."), ("user", "Why?")],
        [("prompt", "Once upon a time")],
        [("prompt", "def f(x):\n    return\t1 😀")],
    )
]


def whole(text: str) -> str:
    """The text without a character that was cut in two, which only answers in one piece end with."""
    return text.rstrip("\ufffd ")


@pytest.mark.parametrize(
    "kind",
    [
        "llama",
        "gemma2",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("mistral", "qwen2", "phi3")),
    ],
)
def test_folder_file_and_server_say_the_same(kind: str, tmp_path: Path) -> None:
    folder = toy(tmp_path / kind, kind, rule="qwen2" if kind == "qwen2" else "smollm")
    trained = replace(folder, meta={"task": "text-generation", "max_new_tokens": MOST})
    wanted = open_runtime(trained, threads=1).answer(ROWS)
    assert len({answer["text"] for answer in wanted}) > 1

    store = open_store(str(tmp_path / "store"))
    file = exported(folder, Bench(tmp_path)).path / "model.gguf"
    enter(store, generator(file, tmp_path / "shipped", max_new_tokens=MOST))
    with Served(approved_release(Registry(store), NAME)) as served:
        for row, answer in zip(ROWS, wanted, strict=True):
            said = served.post("generate", row)
            shown = reply(served, row)
            assert whole(said["text"]) == whole(shown["text"]) == whole(answer["text"])
            assert (said["finish"], said["tokens"]) == (answer["finish"], answer["tokens"])
            assert shown["finish_reason"] == answer["finish"]


def reply(served: Served, row: dict[str, Any]) -> dict[str, Any]:
    """The first choice of OpenAI's route for a conversation or for raw text, with its `text`."""
    (first, *_) = row["messages"]
    if first["role"] == "prompt":
        asked = {"prompt": first["content"], "model": NAME, "temperature": 0}
        return served.post("v1/completions", asked)["choices"][0]
    (choice,) = served.post("v1/chat/completions", {**row, "model": NAME, "temperature": 0})["choices"]
    return {**choice, "text": choice["message"]["content"]}
