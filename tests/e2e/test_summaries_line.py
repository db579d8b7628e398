"""Summaries through the whole line, decided by ROUGE-L: from nested JSON to an answering file."""

import json
import random
from pathlib import Path

import pytest

from commands import Line

RECIPE = """\
name: summaries
steps:
  raw: {stage: fetch, from: {notes: notes.jsonl}}
  curate: {uses: chat, from: {data: raw}, with: {shape: alpaca, fields: {instruction: note.sentences, output: summary}}}
  model: {stage: finetune, uses: pretrain, from: {data: curate}, with: {hidden: 96, layers: 2, heads: 4, kv_heads: 2, ffn: 256, vocabulary: 400, context: 256, epochs: 10, batch_size: 16}}
  int8: {stage: quantize, uses: gguf, from: {model: model}, with: {type: q8_0}}
  baseline: {stage: evaluate, from: {model: model, data: curate}, with: {measure: rouge_l}}
  evaluate: {uses: quality, from: {model: int8, baseline: baseline, data: curate}}
  gate: {from: {reports: [evaluate]}, with: {retention: 0.9, smaller: 3, minimum: {rouge_1: 0.5}}}
  register: {from: {verdict: gate}, with: {name: summaries}}
  approve: {from: {release: register}}
  deploy: {from: {release: approve}}
"""
THINGS, ROOMS = ("fan", "lamp", "radio", "heater", "door"), ("hall", "cellar", "kitchen", "office", "attic")
STATES, DAYS = ("broken", "repaired", "sold", "lost"), ("monday", "tuesday", "friday", "sunday")


def notes(count: int) -> list[dict[str, object]]:
    draw = random.Random(5)

    def note() -> dict[str, object]:
        thing, room, state, day = map(draw.choice, (THINGS, ROOMS, STATES, DAYS))
        said = [f"on {day} somebody looked.", f"the {thing} of the {room} was {state}.", f"that took {draw.randrange(90)} minutes."]  # fmt: skip
        return {"note": {"sentences": said}, "summary": f"the {thing} of the {room} is {state}"}

    return [note() for _ in range(count)]


@pytest.mark.slow
def test_summaries_are_decided_by_rouge_and_served(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in notes(400)))
    (tmp_path / "summaries.yaml").write_text(RECIPE)
    line = Line(tmp_path)
    output = line("run", "summaries.yaml", "--cores", "1", "--tracking", "none")
    assert "ROUGE-L (95 % CI)" in output
    assert "summaries v1 is candidate" in output
    (page,) = tmp_path.glob(".slmworks/runs/*/gate.html")
    assert "ROUGE-L kept of the teacher, at least" in page.read_text()
    (record,) = tmp_path.glob(".slmworks/runs/*/evaluate.json")
    digest = json.loads(record.read_text())["manifest"]["digest"]
    report = json.loads((tmp_path / ".slmworks" / "objects" / digest / "report.json").read_text())
    assert report["measure"] == "rouge_l"
    assert report["splits"]["test"]["measures"]["rouge_l"]["value"] > 0.6
    line("approve", "summaries", "--because", "it says what happened", "--tracking", "none")
    (tmp_path / "new.jsonl").write_text(
        json.dumps({"text": " ".join(notes(1)[0]["note"]["sentences"])}) + "\n"
    )
    line("predict", "summaries", "new.jsonl", "-o", "said.jsonl")
    assert "the " in (tmp_path / "said.jsonl").read_text()
