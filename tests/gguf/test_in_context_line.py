"""A recipe with untuned candidates as references of the gate, as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toys import exported, toy

from slmworks.testing import Bench

pytestmark = pytest.mark.slow

RECIPE = """\
name: orders
steps:
  raw: {stage: fetch, from: {orders: ./orders.jsonl}}
  data: {stage: curate, uses: chat, from: {data: raw}}
  untuned:
    stage: finetune
    uses: in-context
    from: {model: ./toy.gguf, data: data}
    with: {max_new_tokens: 12}
    sweep:
      - with: {examples: 0}
      - with: {examples: 2}
  held:
    stage: finetune
    uses: in-context
    from: {model: ./toy.gguf, data: data}
    with: {examples: 2, grammar: schema, max_new_tokens: 12}
  teacher: {stage: evaluate, from: {model: ./toy.gguf, data: data}}
  of_untuned: {stage: evaluate, from: {model: untuned, data: data}}
  of_held: {stage: evaluate, from: {model: held, data: data, baseline: teacher}}
  gate: {stage: gate, from: {reports: of_held, references: of_untuned}}
"""
WORDINGS = (
    "Table for {n} at {t}.",
    "{n} seats, {t} please.",
    "We are {n}, at {t}.",
    "For {n}? {t} suits.",
    "Is {t} free for {n}?",
)


def orders() -> str:
    lines = []
    for number in range(60):
        people, time = 2 + number % 7, f"{17 + number % 5}:{number % 4 * 15:02}"
        asked = WORDINGS[number % 5].format(n=people, t=time)
        turns = [("user", asked), ("assistant", json.dumps({"people": people, "time": time}))]
        lines.append(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}))
    return "".join(f"{line}\n" for line in lines)


def test_untuned_candidates_and_rules_stand_in_one_table_and_must_be_beaten(tmp_path: Path) -> None:
    model = exported(toy(tmp_path / "hf", max_position_embeddings=1024), Bench(tmp_path / "bench"))
    (tmp_path / "toy.gguf").write_bytes((model.path / "model.gguf").read_bytes())
    (tmp_path / "orders.jsonl").write_text(orders())
    (tmp_path / "orders.yaml").write_text(RECIPE)
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks", "run", "orders.yaml", "--tracking", "none", "--store", "store"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=550,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert ended.returncode == 99, ended.stderr  # random weights beat nothing
    (path,) = (tmp_path / "store/objects").glob("*/verdict.json")
    said = json.loads(path.read_text())
    assert [(row["role"], row["name"]) for row in said["rows"]] == [
        ("teacher", "teacher"),
        ("candidate", "gguf (2-shot + schema)"),
        ("reference", "gguf (2-shot)"),
        ("reference", "gguf (zero-shot)"),
        ("trivial", "nearest training answer"),
        ("trivial", "most frequent answer"),
        ("trivial", "nearest answer + slots"),
    ]
    exact = {row["name"]: row["measures"]["exact_match"]["value"] for row in said["rows"]}
    assert exact["nearest answer + slots"] > exact["nearest training answer"]
    assert exact["nearest answer + slots"] > 0.5
    assert "not better than gguf (2-shot): " in said["sentence"]
    assert "not better than nearest answer + slots: −" in said["sentence"]
    weights = [file.stat() for file in (tmp_path / "store/objects").rglob("*.gguf")]
    assert len(weights) == 4
    assert len({one.st_ino for one in weights}) == 1  # one place on disk for all of them
