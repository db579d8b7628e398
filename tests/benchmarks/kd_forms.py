"""Forms of distillation beside the text alone: perplexity of toys on unseen text, at equal CPU seconds.

    OMP_NUM_THREADS=1 python tests/benchmarks/kd_forms.py TEXT --work FOLDER [--seconds 5,15] [--seeds 3] [--arms sft,jsd]

`TEXT` is a plain text of some hundred thousand characters (tinyshakespeare, a part of wikitext). A Llama of 0.33
million weights learns 9/10 of it. Students of 0.07 million, with random weights, have a third of what it learnt.

Each has the same CPU seconds, `--seconds`, for loading, training and validation and for what its teacher is asked:
once for a ledger, counted as if it were the only student, or live. Its epochs follow from a short training's time.
The on-policy student spends half of the seconds on the text, since it must be able to write. Printed for each arm and
budget: epochs, CPU seconds, those of the teacher among them, and perplexity by token of text that nobody has seen, over
seeds, which decide first weights and the order of rows. `FOLDER` keeps the teacher and all that is finished: the same
command goes on there.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.testing import Bench, sealed
from slmworks_torch.causal import chat_model, examples, measures
from slmworks_torch.causal.on_policy import OnPolicyKD
from slmworks_torch.causal.pretrain import Pretrain
from slmworks_torch.causal.sequence_kd import SequenceKD
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.token_kd import TokenKD

PIECE, BEGINNING = 400, 60
"""Characters of a row, and of its prompt at least."""
WRITTEN = 170
"""Tokens of what a teacher or a student writes at most: about as many as the rest of a row."""
TEACHER = {
    "hidden": 96,
    "layers": 3,
    "heads": 4,
    "kv_heads": 4,
    "ffn": 192,
    "vocabulary": 512,
    "context": 256,
}
STUDENT = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4}
LEARN = {"learning_rate": 3e-3, "max_length": 256, "batch_size": 4}
DRAWN = {"temperature": 1.0, "answer_tokens": WRITTEN}
ON_POLICY = {"divergence": "forward-kl", "answer_tokens": WRITTEN}
"""Its rows write side by side: sixteen take hardly longer than four."""
ARMS: dict[str, Callable[..., Any]] = {
    "sft": SupervisedFinetune,
    "forward-kl": lambda **more: TokenKD(divergence="forward-kl", **more),
    "forward-kl and labels": lambda **more: TokenKD(divergence="forward-kl", alpha=1.0, **more),
    "jsd": lambda **more: TokenKD(divergence="jsd", **more),
    "reverse-kl": lambda **more: TokenKD(divergence="reverse-kl", **more),
    "sequence-kd": lambda **more: SequenceKD(keep="all", **DRAWN, **more),
    "sequence-kd and labels": lambda **more: SequenceKD(keep="all", labels="add", **DRAWN, **more),
    "on-policy": lambda **more: OnPolicyKD(**{**more, "batch_size": 16}, **ON_POLICY),
}
ALIKE = {"forward-kl and labels": "forward-kl", "jsd": "forward-kl", "reverse-kl": "forward-kl"}
"""Arm -> one that takes as long."""
AFTER_SFT = ("on-policy",)
"""Arms that begin with a student that has learnt the text for half of their time."""
TRIED = 3
"""Further epochs by which the time of one is measured, without loading."""


@dataclass(frozen=True)
class Speed:
    """CPU seconds of an arm."""

    first: float
    """Of a training of one epoch, with loading, without what the teacher is asked once."""
    epoch: float
    """Of a further one."""
    teacher: float
    """Of what the teacher is asked once."""

    def epochs(self, seconds: float) -> int:
        """As many as fit, to the nearest; 0 where not even the first one does."""
        left = seconds - self.teacher - self.first
        return 0 if left < 0 else 1 + round(left / self.epoch)


class Table:
    """All trainings of one text, in a folder that keeps what is finished."""

    def __init__(self, asked: argparse.Namespace) -> None:
        """Make the folder, or go on in it."""
        self.asked, self.folder = asked, asked.work
        self.folder.mkdir(parents=True, exist_ok=True)
        self.running = self.folder / "running"
        shutil.rmtree(self.running, ignore_errors=True)
        self.bench = Bench(self.running)
        self.file = self.folder / "cells.json"
        self.cells = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.speeds: dict[str, Speed] = {}
        self.paid: dict[type, float] = {}
        """Plugin -> CPU seconds that its ledger took for one seed."""
        self.names = 0

    @cached_property
    def data(self) -> tuple[Dataset, Dataset]:
        """What the teacher learns from, and what students do: every third row of that; both with unseen rows."""
        text = self.asked.text.read_text()[: self.asked.characters]
        rows = [_row(text[at : at + PIECE]) for at in range(0, len(text) - PIECE, PIECE)]
        learnt = [row for place, row in enumerate(rows) if place % 10]
        unseen = [row for place, row in enumerate(rows) if place % 10 == 0]
        held_out = {"validation": unseen[::2], "test": unseen[1::2]}
        return (
            _dataset(self.running / "much", train=learnt, **held_out),
            _dataset(self.running / "few", train=learnt[::3], **held_out),
        )

    @cached_property
    def teacher(self) -> Model:
        """Trained once."""
        folder = self.folder / "teacher"
        if not folder.exists():
            plugin = Pretrain(epochs=self.asked.teacher_epochs, learn="everything", **LEARN, **TEACHER)
            made = plugin.run(model=None, data=self.data[0], task=self.bench.task("teacher"))
            shutil.copytree(made.path, folder)
        return sealed(Model(path=folder, format="hf", meta={"task": "text-generation"}))

    def run(self) -> None:
        """Train what is missing, and print."""
        self._keep("teacher", lambda: {"perplexity": perplexity(self.teacher, self.data[1])})
        print(f"teacher: perplexity {self.cells['teacher']['perplexity']:.2f}", flush=True)
        for seconds in map(float, self.asked.seconds.split(",")):
            for arm in self.asked.arms.split(","):
                for seed in range(self.asked.seeds):
                    self._keep(f"{arm}/{seconds:g}/{seed}", lambda: self._cell(arm, seconds, seed))  # noqa: B023
                self._line(arm, seconds)
        shutil.rmtree(self.running, ignore_errors=True)

    def _keep(self, name: str, measure: Callable[[], dict[str, float]]) -> None:
        if name not in self.cells:
            self.cells[name] = measure()
            self.file.write_text(json.dumps(self.cells, indent=1))

    def _line(self, arm: str, seconds: float) -> None:
        cells = [self.cells[f"{arm}/{seconds:g}/{seed}"] for seed in range(self.asked.seeds)]
        if not all(cells):
            print(f"{seconds:>4.0f} s  {arm:<24} has no time for an epoch", flush=True)
            return
        of = {name: [cell[name] for cell in cells] for name in cells[0]}
        mean = {name: statistics.mean(values) for name, values in of.items()}
        found = of["perplexity"]
        print(
            f"{seconds:>4.0f} s  {arm:<24}{mean['epochs']:>5.0f}{mean['cpu']:>7.1f}{mean['teacher']:>6.1f}"
            f"{mean['perplexity']:>9.2f}  {min(found):.2f} to {max(found):.2f}",
            flush=True,
        )

    def _cell(self, arm: str, seconds: float, seed: int) -> dict[str, float]:
        """One student's numbers; none where an epoch takes longer than it has."""
        student, before = self._student(seed), 0.0
        if arm in AFTER_SFT:
            seconds = seconds / 2
            student, before = self._trained("sft", student, self._speed("sft").epochs(seconds), seed)
        speed = self._speed(arm)
        if not (epochs := speed.epochs(seconds)):
            return {}
        made, cpu = self._trained(arm, student, epochs, seed)
        return {
            "epochs": epochs,
            "cpu": before + cpu + speed.teacher,
            "teacher": speed.teacher,
            "perplexity": perplexity(made, self.data[1]),
        }

    def _speed(self, arm: str) -> Speed:
        """The short trainings of an arm, the faster one of two turns, once a process."""
        arm = ALIKE.get(arm, arm)
        if arm not in self.speeds:
            student, before = self._student(0), self._spent()
            self._trained(arm, student, 1, 0)
            kind = type(ARMS[arm]())
            self.paid[kind] = max(self.paid.get(kind, 0.0), self._spent() - before)
            turns = [
                [self._trained(arm, student, epochs, 0)[1] for epochs in (1, 1 + TRIED)] for _ in range(2)
            ]
            first, more = (min(turn[place] for turn in turns) for place in (0, 1))
            self.speeds[arm] = Speed(first, max((more - first) / TRIED, 1e-3), self.paid[kind])
        return self.speeds[arm]

    def _trained(self, arm: str, student: Model, epochs: int, seed: int) -> tuple[Model, float]:
        """The model, and its CPU seconds without what the teacher was asked for a ledger."""
        self.names += 1
        task = self.bench.task(str(self.names), seed=seed)
        plugin = ARMS[arm](epochs=epochs, **LEARN)
        given = {"model": student} if arm == "sft" else {"teacher": self.teacher, "student": student}
        data = self.data[1]
        paid, began = self._spent(), time.process_time()
        made = plugin.run(**given, data=data, task=task)
        seconds = time.process_time() - began - (self._spent() - paid)
        return sealed(made), seconds

    def _spent(self) -> float:
        return sum(ledger.spent.cpu_seconds for ledger in self.bench.ledgers.values())

    def _student(self, seed: int) -> Model:
        """A smaller network with random weights and the teacher's tokenizer."""
        from transformers import AutoConfig, AutoModelForCausalLM

        folder = self.running / f"student-{seed}"
        if not folder.exists():
            shutil.copytree(self.teacher.path, folder)
            config = AutoConfig.from_pretrained(folder, **STUDENT, intermediate_size=64, head_dim=16)
            torch.manual_seed(seed)
            AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        return sealed(Model(path=folder, format="hf", meta={"task": "text-generation"}))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("text", type=Path)
    options.add_argument("--work", type=Path, required=True, help="a folder for what is finished")
    options.add_argument("--characters", type=int, default=200_000, help="of the text, from its beginning")
    options.add_argument("--seconds", default="5,15", help="CPU seconds of a student, the teacher's included")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--teacher-epochs", type=int, default=5)
    options.add_argument("--arms", default=",".join(ARMS))
    Table(options.parse_args()).run()


def _row(text: str) -> dict[str, Any]:
    """A piece of the text: its beginning, to a blank, is the prompt."""
    at = max(text.find(" ", BEGINNING, 2 * BEGINNING), BEGINNING)
    return {"messages": [{"role": "prompt", "content": text[:at]}], "completion": text[at:]}


def _dataset(folder: Path, **splits: list[dict[str, Any]]) -> Dataset:
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        said = [{"id": f"{split}-{at}", **row} for at, row in enumerate(rows)]
        pq.write_table(pa.Table.from_pylist(said), folder / f"{split}.parquet")
    (folder / "card.json").write_text("{}\n")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def perplexity(model: Model, data: Dataset) -> float:
    """Of the answers of the split `test`."""
    loaded = chat_model.load(model, port="model")
    rows = examples.encode(loaded, examples.read(data, "test"), split="test", max_length=256)
    return measures.validate(loaded.net, rows, most=4096, precision="float32").numbers["perplexity"]


if __name__ == "__main__":
    main()
