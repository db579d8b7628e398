"""A generator pruned to half of its layers and healed, beside one of its first half. Prints a table.

    .venv/bin/python tests/benchmarks/healed_decoder.py FOLDER TEXTS [--tokens 24576] [--seeds 1] [--work FOLDER]

FOLDER is a causal language model as `export/hf` writes it (SmolLM2-135M-Instruct, docs/generation.md). TEXTS has
`valid.txt`, from whose beginning all learn in equal steps, and `test.txt`, on which they are judged: perplexity of
pieces of 128 tokens, each by itself. prune/layers makes the students: of the layers of most influence, or of the first
ones; finetune/sft trains them on plain text. With `--work`, what was measured before is read there.
"""

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.model_tasks.hf_text import load_network
from slmworks.model_tasks.text_generation.hf_chat import ChatTokenizer
from slmworks.testing import Bench, sealed
from slmworks_torch import training
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.compression.prune_layers import PruneLayers

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema([("id", pa.string()), ("messages", pa.list_(TURN)), ("completion", pa.string())])
ROW = 2000
"""Characters of a row: some 500 tokens."""
LENGTH, BATCH = 128, 4
"""Tokens of a piece, pieces of a step."""
CALIBRATION = 8
"""Rows that influence is measured on."""
Numbers = dict[str, Any]


def main() -> None:
    """Measure what isn't known yet, and print."""
    asked = _asked()
    found: dict[str, Numbers] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        training.prepare(bench.task("threads"))
        whole = sealed(Model(path=asked.folder, format="hf", meta={"task": "text-generation"}))
        trial = Trial(whole, bench, asked)
        found["whole"] = _once(asked, "whole", trial.untouched)
        for seed in range(asked.seeds):
            for name, options in trial.halves.items():
                line = f"{name}, seed {seed}"
                found[line] = _once(
                    asked, line, lambda options=options, seed=seed: trial.student(options, seed)
                )
    print("| layers | million weights | cut | trained | CPU s | which |", "|---" * 6 + "|", sep="\n")
    for line, said in found.items():
        print(
            f"| {line} | {said['parameters'] / 1e6:.1f} | {said['cut']:,.1f} | {_written(said)} | "
            f"{said['seconds']:.0f} | {said.get('layers', 'all')} |"
        )


def _written(said: Numbers) -> str:
    """Perplexity after training; the whole model isn't trained."""
    return f"{said['trained']:,.1f}" if "trained" in said else ""


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("folder", type=Path)
    options.add_argument("texts", type=Path)
    options.add_argument("--tokens", type=int, default=24576, help="that a student learns")
    options.add_argument("--judged", type=int, default=8192, help="tokens that are judged")
    options.add_argument("--learning-rate", type=float, default=3e-4)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--work", type=Path)
    return options.parse_args()


def _once(asked: argparse.Namespace, line: str, measured: Any) -> Numbers:
    """Numbers of `--work`, or those that are measured now."""
    name = f"{line}, {asked.tokens} of {asked.learning_rate:g}, {asked.judged}.json"
    if asked.work and (asked.work / name).exists():
        return dict(json.loads((asked.work / name).read_text()))
    began = time.process_time()
    said = {**measured(), "seconds": time.process_time() - began}
    print(f"{line}: {said}", flush=True)
    if asked.work:
        asked.work.mkdir(parents=True, exist_ok=True)
        (asked.work / name).write_text(json.dumps(said))
    return said


class Trial:
    """The whole model, the text that students learn, and the pieces that all are judged by."""

    def __init__(self, whole: Model, bench: Bench, asked: argparse.Namespace) -> None:
        self.whole, self.bench, self.asked = whole, bench, asked
        self.chat = ChatTokenizer.open(whole.path)
        self.data = self._data((asked.texts / "valid.txt").read_text(encoding="utf-8"))
        text = (asked.texts / "test.txt").read_text(encoding="utf-8")[: asked.judged * 8]
        ids = torch.tensor(self.chat.ids(text, around=False)[: asked.judged // LENGTH * LENGTH])
        self.judged = ids.view(-1, LENGTH).split(BATCH)

    @property
    def halves(self) -> dict[str, dict[str, Any]]:
        """Name -> options of prune/layers."""
        config = json.loads((self.whole.path / "config.json").read_text())
        half = int(config["num_hidden_layers"]) // 2
        return {"of most influence": {"keep": half}, "the first": {"layers": tuple(range(half))}}

    def untouched(self) -> Numbers:
        """The whole model as it is."""
        return self._judge(self.whole, "cut")

    def student(self, options: dict[str, Any], seed: int) -> Numbers:
        """Half of the layers, before and after it has learnt."""
        pruner = PruneLayers(**options, rows=CALIBRATION)
        name = f"{'-'.join(options)}-{seed}"
        cut = sealed(
            pruner.run(model=self.whole, data=self.data, task=self.bench.task(f"{name}-cut", seed=seed))
        )
        said = {**self._judge(cut, "cut"), "layers": cut.summary["layers_kept"]}
        tutor = SupervisedFinetune(
            epochs=1, batch_size=BATCH, max_length=LENGTH, learning_rate=self.asked.learning_rate
        )
        made = sealed(tutor.run(model=cut, data=self.data, task=self.bench.task(f"{name}-healed", seed=seed)))
        return {**said, **self._judge(made, "trained")}

    def _judge(self, model: Model, word: str) -> Numbers:
        """Perplexity of the pieces, float32, and the model's weights."""
        net = load_network(model.path, "AutoModelForCausalLM")
        lost = 0.0
        with torch.inference_mode():
            for ids in self.judged:
                logits = net(input_ids=ids).logits[:, :-1].flatten(0, 1)
                lost += float(
                    torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="sum")
                )
        places = sum(ids[:, 1:].numel() for ids in self.judged)
        return {word: math.exp(lost / places), "parameters": net.num_parameters()}

    def _data(self, text: str) -> Dataset:
        """Rows of plain text, of so many tokens as students learn; the last row of the text is `validation`."""
        pieces = [text[at : at + ROW] for at in range(0, len(text) - ROW, ROW)]
        learnt, tokens = 0, 0
        while tokens < self.asked.tokens:
            tokens += len(self.chat.ids(pieces[learnt], around=False))
            learnt += 1
        folder = self.bench.folder / "data"
        folder.mkdir()
        for split, some in (("train", pieces[:learnt]), ("validation", pieces[-4:])):
            pq.write_table(pa.Table.from_pylist(_rows(some), schema=SCHEMA), folder / f"{split}.parquet")
        (folder / "card.json").write_text("{}\n")
        print(f"{tokens:,} tokens to learn in {learnt} rows", flush=True)
        return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def _rows(pieces: list[str]) -> list[dict[str, Any]]:
    """Plain text as rows: the prompt is empty."""
    empty = [{"role": "prompt", "content": ""}]
    return [{"id": str(number), "messages": empty, "completion": one} for number, one in enumerate(pieces)]


if __name__ == "__main__":
    main()
