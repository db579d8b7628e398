"""align/dpo on published pairs: win rate, margin and drift on pairs held out, and an over-trained run.

    OMP_NUM_THREADS=1 python tests/benchmarks/dpo_pairs.py PAIRS [--model FOLDER] [--words 60] [--options '{"epochs": 3}'] [--seeds 1]

PAIRS is a file of hh-rlhf (`test.jsonl.gz`), FOLDER a causal language model as `export/hf` writes it
(SmolLM2-135M-Instruct, docs/generation.md); without one a toy is made, a Llama that learns the chosen answers first.
Taken are pairs whose prompt is one question. Printed on the split `test`, with Wilson's 95 % intervals: how often the
model prefers the chosen answer more than before (win rate), by how much (margin), how often it is the likelier one
before and after, and the drift; in the end how the guard ends a training with the learning rate of `--over-trained`.
"""

import argparse
import gzip
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.numbers import statistics
from slmworks.testing import Bench, sealed
from slmworks_text.curate_preferences import CuratePreferences
from slmworks_torch import devices, training
from slmworks_torch.causal import chat_model, pairs, reference
from slmworks_torch.causal.dpo import DirectPreferenceOptimisation
from slmworks_torch.causal.preference import Preference
from slmworks_torch.causal.pretrain import Pretrain

OPTIONS = {"epochs": 2, "batch_size": 8, "max_length": 256, "tokens_at_once": 2048}
GIVEN, TOY = {"rank": 16, "learning_rate": 2e-4}, {"learning_rate": 2e-3}
"""Further options: adapters for a model that is given, all weights of the toy."""
SMALL = {"hidden": 64, "layers": 1, "ffn": 96, "vocabulary": 400, "context": 256, "epochs": 2}
"""Of the toy's training on the chosen answers."""
FEW = 32
"""Pairs of the training that is to be over-trained: more aren't needed."""


def main() -> None:
    """Train and print."""
    asked = _asked()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        data = _pairs(asked.pairs, asked.words, bench)
        counts = {split: len(data.rows(split, "id")) for split in ("train", "validation", "test")}
        print(f"pairs: {', '.join(f'{count} {split}' for split, count in counts.items())}", flush=True)
        model = _given(asked.model) if asked.model else _toy(data, bench)
        for seed in range(asked.seeds):
            _aligned(model, data, asked.options, bench.task(f"aligned-{seed}", seed=seed), bench)
        if asked.over_trained:
            _over_trained(model, data, {**asked.options, "learning_rate": asked.over_trained}, bench)


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("pairs", type=Path)
    options.add_argument("--model", type=Path, help="a folder; without one a toy is made")
    options.add_argument("--words", type=int, default=60, help="of question and longer answer, at most")
    options.add_argument("--options", type=json.loads, default={}, help="of align/dpo, beside ours, as JSON")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--over-trained", type=float, default=5e-2, help="a learning rate; 0: no such run")
    asked = options.parse_args()
    asked.options = {**OPTIONS, **(GIVEN if asked.model else TOY), **asked.options}
    return asked


def _pairs(file: Path, words: int, bench: Bench) -> Dataset:
    """The file's pairs to one question each, curated and split."""
    raw = bench.folder / "raw" / "all"
    raw.mkdir(parents=True)
    with gzip.open(file, "rt") as lines:
        kept = [line for line in lines if json.loads(line)["chosen"].count("\n\nHuman:") == 1]
    (raw / "pairs.jsonl").write_text("".join(kept))
    plugin = CuratePreferences(shape="dialogues", max_tokens=words, test=0.35, validation=0.08)
    return sealed(plugin.run(data=sealed(Files(path=raw.parent)), task=bench.task("pairs")))


def _given(folder: Path) -> Model:
    return sealed(Model(path=folder, format="hf", meta={"task": "text-generation"}))


def _toy(data: Dataset, bench: Bench) -> Model:
    made = Pretrain(**SMALL).run(model=None, data=data, task=bench.task("toy"))
    print(f"toy: {made.summary['parameters']:,} weights, perplexity {made.summary['perplexity']:.0f}")
    return sealed(made)


def _aligned(model: Model, data: Dataset, options: dict[str, Any], task: Task, bench: Bench) -> None:
    """Train once; print the test's numbers and the way there."""
    plugin = DirectPreferenceOptimisation(**options)
    first, began = len(bench.events), time.process_time()
    made = sealed(plugin.run(model=model, data=data, task=task))
    seconds = time.process_time() - began
    _curve(bench.events[first:])
    held_out = _held_out(model, data, plugin, bench.task(f"{task.output.parent.name}-test"))
    known, count = held_out.reference[1], len(held_out.held_out)
    before = sum(bool(known[row].sum() > known[row + 1].sum()) for row in range(0, 2 * count, 2)) / count
    net = chat_model.load(made, port="model").net
    after = held_out.validate(net.to(devices.device()).eval())
    print(
        f"seed {task.seed}, epoch {made.summary['epoch']} kept, {seconds:.0f} CPU seconds; {count} test pairs"
    )
    print(f"  win rate {_interval(after.value, count)}, margin {after.further['margin']:.3f}")
    print(
        f"  chosen likelier: before {_interval(before, count)}, after {_interval(after.further['preferred'], count)}"
    )
    print(f"  drift {after.further['drift']:.3f} nats a token", flush=True)


def _over_trained(model: Model, data: Dataset, options: dict[str, Any], bench: Bench) -> None:
    """Print how the guard ends it, on a few of the pairs."""
    first, began = len(bench.events), time.process_time()
    folder = bench.folder / "few"
    shutil.copytree(data.path, folder)
    pq.write_table(pq.read_table(data.file("train")).slice(0, FEW), folder / "train.parquet")
    few = sealed(Dataset(path=folder, meta=data.meta))
    try:
        DirectPreferenceOptimisation(**options).run(model=model, data=few, task=bench.task("over-trained"))
        ended = "kept: the guard saw nothing"
    except TaskFailed as error:
        ended = f"refused: {error}"
    _curve(bench.events[first:])
    print(
        f"learning rate {options['learning_rate']:g}, {time.process_time() - began:.0f} CPU seconds: {ended}"
    )


def _held_out(model: Model, data: Dataset, plugin: DirectPreferenceOptimisation, task: Task) -> Preference:
    """The pairs of `test` beside the reference's log-probabilities."""
    training.prepare(task)
    loaded = chat_model.load(model, port="model")
    net = loaded.net.to(devices.device())
    rows = pairs.encode(loaded, pairs.read(data, "test"), split="test", max_length=plugin.max_length or 1024)
    known = reference.log_probabilities(net, model, [rows.answers], plugin.precision, task)
    return Preference(rows, rows, [*known, *known], plugin, devices.device())


def _curve(events: list[dict[str, Any]]) -> None:
    """Validation after each epoch."""
    for event in events:
        if event["event"] == "metrics" and "validation_drift" in event["metrics"]:
            said = event["metrics"].items()
            numbers = ", ".join(f"{name.removeprefix('validation_')} {value:.3f}" for name, value in said)
            print(f"  step {event['step']}: {numbers}", flush=True)


def _interval(share: float, count: int) -> str:
    found = statistics.wilson(round(share * count), count)
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})"


if __name__ == "__main__":
    main()
