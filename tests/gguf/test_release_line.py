"""A generator from a folder to an approved release that answers: one recipe, as a person runs it."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from toys import toy

from commands import Line
from slmworks.contract.runtime import open_runtime
from slmworks.model_tasks.text_generation.hf import HfGenerator

pytestmark = pytest.mark.slow

RECIPE = """\
name: talk
steps:
  raw: {stage: fetch, from: {talk: ./talk.jsonl}}
  data: {stage: curate, uses: chat, from: {data: raw}}
  write: {stage: export, uses: gguf, from: {model: ./base}}
  teacher: {stage: evaluate, from: {model: ./base, data: data}, with: {resamples: 100}}
  evaluate: {from: {model: write, baseline: teacher, data: data}, with: {resamples: 100}}
  gate: {from: {reports: [evaluate]}, with: {retention: 0.5, minimum: {exact_match: 0.5}}}
  register: {from: {verdict: gate}, with: {name: talk}}
  approve: {from: {release: register}}
  guesses: {stage: quantize, uses: gguf, from: {model: write}, with: {type: q8_0}}
  deploy: {uses: edge, from: {release: approve, draft: guesses}}
"""
PROMPTS = [
    {"messages": [{"role": "user", "content": f"{word} {number}?"}]}
    for number in range(40)
    for word in ("tea", "the sea", "a tree", "gold", "rain", "two")
]


class Talk(Line):
    """The line of the recipe."""

    def run(self) -> str:
        return self("run", "talk.yaml", "--cores", "1", "--tracking", "none")


def generator(folder: Path) -> HfGenerator:
    """A random model whose answers end soon: at the tokens that it says most."""
    model = toy(folder)
    (folder / "slmworks.json").unlink()
    first = open_runtime(model, threads=1, model_task="text-generation")
    assert isinstance(first, HfGenerator)
    said = first._generate([first.encode(row) for row in PROMPTS], 12)
    ends = [token for token, _ in Counter(token for one in said for token in set(one[1:])).most_common(2)]
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [2, *ends]}))
    found = open_runtime(model, threads=1, model_task="text-generation")
    assert isinstance(found, HfGenerator)
    return found


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """The recipe's first run, on rows whose completions are the model's own answers."""
    folder = tmp_path_factory.mktemp("talk")
    answers = generator(folder / "base").answer(PROMPTS)
    with (folder / "talk.jsonl").open("w") as file:
        for row, answer in zip(PROMPTS, answers, strict=True):
            if answer["text"].strip() and answer["text"].isprintable():
                turns = [*row["messages"], {"role": "assistant", "content": answer["text"]}]
                print(json.dumps({"messages": turns}), file=file)
    (folder / "talk.yaml").write_text(RECIPE)
    line = Talk(folder)
    line.output = line.run()
    return line


def test_it_waits_for_approval_with_its_page(line: Talk) -> None:
    assert "waits  talk v1 is candidate" in line.output
    (page,) = line.folder.glob(".slmworks/runs/*/gate.html")
    text = " ".join(re.sub(r"<[^>]*>", " ", page.read_text()).split())
    assert "exact match 1.000" in text
    assert "accuracy" not in text
    assert "candidate" in line("models", "talk")


def test_it_is_approved_and_served(line: Talk) -> None:
    line("approve", "talk", "--because", "it answers", "--tracking", "none")
    assert "champion" in line("models", "talk")
    row = json.loads((line.folder / "talk.jsonl").read_text().splitlines()[0])["messages"]
    asked = json.dumps({"messages": row[:-1]})
    assert "talk v1 at http" in line("serve", "talk", "--ask", asked)
    again = line.run()
    assert "cached" in again
    (bundle,) = line.folder.glob(".slmworks/objects/*/run.py")
    done = subprocess.run(
        [sys.executable, bundle, asked], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert re.search(r"draft: (\d+) of \1 answers are the same text; \d+ of \d+ guesses hold", again)
    digest = json.loads((bundle.parent / "deployment.json").read_text())["draft"]
    served, drafted = (line("serve", "talk", *more, "--ask", asked) for more in ((), ("--draft", digest)))
    assert served.split("→")[1] == drafted.split("→")[1]
    assert " ".join(json.loads(done.stdout)["text"].split()) in " ".join(served.split())
