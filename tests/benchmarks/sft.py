"""Supervised fine-tuning beside trl's SFTTrainer: equal weights, rows, order, optimizer and threads. Prints tables.

    .venv/bin/python -m pip install --no-deps --target /tmp/trl trl datasets dill multiprocess xxhash accelerate
    PYTHONPATH=/tmp/trl .venv/bin/python tests/benchmarks/sft.py FOLDER [--rows 32] [--arms trl,padded,packed]

FOLDER is a causal language model as `export/hf` writes it (SmolLM2-135M-Instruct, docs/generation.md). Rows are
orders as JSON, of 66 to 90 tokens with the system prompt of its template, 23 % of them learnt. All arms train
one epoch in float32 with AdamW, the same schedule and clipping at 1. `trl` takes the very batches that we take;
`trl-own` takes rows in its own random order. The loss of each step is printed, since equal work must give equal
losses. CPU seconds are of one thread.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from slmworks.contract.artifact import Model
from slmworks.contract.stage import Task
from slmworks.testing import Bench
from slmworks_torch import devices, training
from slmworks_torch.causal import chat_model, examples, forward, layouts
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.lora import LoraFinetune
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.causal.sft import SupervisedFinetune
from slmworks_torch.causal.supervised import Supervised
from slmworks_torch.loop import Loop

BATCH, RATE = 4, 1e-4
Run = tuple[list[float], float]
"""Loss of each step, and CPU seconds of the training alone."""
WORDS = [
    "table",
    "window",
    "garden",
    "quiet",
    "party",
    "birthday",
    "vegan",
    "chairs",
    "early",
    "late",
    "friends",
    "family",
    "corner",
    "music",
]


def main() -> None:
    """Measure and print."""
    asked = _asked()
    losses: dict[str, list[float]] = {}
    print(f"{'':<10}{'tokens/CPU s':>14}{'of first':>10}", flush=True)
    base = 0.0
    for arm in asked.arms.split(","):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder))
            task = bench.task("run", threads=1)
            training.prepare(task)
            model = chat_model.load(Model(path=asked.folder, format="hf"), port="model")
            given = rows(model, asked.rows)
            _warm(model, given)
            losses[arm], seconds = ARMS[arm](model, given, task, bench)
            speed = sum(given.lengths) / seconds
        base = base or speed
        print(f"{arm:<10}{speed:>14.1f}{speed / base:>10.2f}", flush=True)
    print("\nloss of each step")
    for arm, found in losses.items():
        print(f"{arm:<10}{' '.join(f'{loss:8.4f}' for loss in found)}")


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--rows", type=int, default=32, help=f"a multiple of {BATCH}")
    options.add_argument(
        "--arms", default="trl,padded,packed,frozen,lora,trl-own", help="the first is the base"
    )
    return options.parse_args()


def _warm(model: ChatModel, given: Examples) -> None:
    """Forward and backward once, whose first time costs more than the next ones."""
    forward.losses(model.net, layouts.padded_batch(given, [0], model.net.device))[0].backward()
    model.net.zero_grad()


def rows(model: ChatModel, count: int) -> Examples:
    """Orders with some words around them."""
    chance = random.Random(0)
    made = []
    for number in range(count):
        people, hour = chance.randint(2, 9), chance.randint(17, 21)
        words = " ".join(chance.choices(WORDS, k=min(45, round(chance.lognormvariate(2.4, 0.6)))))
        asked = f"Book a table for {people} at {hour}:30, please. {words}."
        turns = [{"role": "user", "content": asked}]
        answer = f'{{"people": {people}, "time": "{hour}:30"}}'
        made.append({"id": str(number), "messages": turns, "completion": answer})
    return examples.encode(model, made, split="train", max_length=256)


def loop_of(net: Any, given: Examples, few: Examples, options: CausalOptions, task: Task) -> Loop:
    """Our loop, not begun yet."""
    return Loop(net, Supervised(given, few, options, 256, devices.device()), options, task)


def ours(
    model: ChatModel, given: Examples, options: CausalOptions, task: Task, bench: Bench, net: Any
) -> Run:
    """One epoch by our loop; one row is validated."""
    few = Examples(given.ids[:1], given.starts[:1])
    loop = loop_of(net, given, few, options, task)
    began = time.process_time()
    loop.run()
    seconds = time.process_time() - began
    metrics = [event["metrics"] for event in bench.events if event["event"] == "metrics"]
    return [one["loss"] for one in metrics if "loss" in one], seconds


def padded(model: ChatModel, given: Examples, task: Task, bench: Bench, **more: Any) -> Run:
    """All weights, rows padded."""
    options = SupervisedFinetune(epochs=1, batch_size=BATCH, learning_rate=RATE, warmup=0.0, **more)
    return ours(model, given, options, task, bench, model.net)


def packed(model: ChatModel, given: Examples, task: Task, bench: Bench) -> Run:
    """All weights, the rows of a step in one line."""
    return padded(model, given, task, bench, packing=True)


def frozen(model: ChatModel, given: Examples, task: Task, bench: Bench) -> Run:
    """All weights but the embeddings."""
    model.net.get_input_embeddings().requires_grad_(requires_grad=False)
    return padded(model, given, task, bench)


def lora(model: ChatModel, given: Examples, task: Task, bench: Bench) -> Run:
    """Adapters of rank 16."""
    options = LoraFinetune(epochs=1, batch_size=BATCH, learning_rate=RATE, warmup=0.0)
    return ours(model, given, options, task, bench, options._adapted(model))


def trl(model: ChatModel, given: Examples, task: Task, bench: Bench) -> Run:
    """SFTTrainer on the batches that our loop takes."""
    return theirs(model, given, task, own_order=False)


def trl_own(model: ChatModel, given: Examples, task: Task, bench: Bench) -> Run:
    """SFTTrainer, its rows in random order."""
    return theirs(model, given, task, own_order=True)


def theirs(model: ChatModel, given: Examples, task: Task, *, own_order: bool) -> Run:
    """One epoch by SFTTrainer, with our optimizer and schedule."""
    from datasets import Dataset as Table
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    options = SupervisedFinetune(epochs=1, batch_size=BATCH, learning_rate=RATE, warmup=0.0)
    loop = loop_of(model.net, given, given, options, task)
    order = [
        row for batch in next(loop.objective.epochs(loop.options.batch_size, task.seed)) for row in batch
    ]
    labels = [[-100] * start + ids[start:] for ids, start in zip(given.ids, given.starts, strict=True)]
    table = {"input_ids": [given.ids[row] for row in order], "labels": [labels[row] for row in order]}
    steps = loop.steps

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, *given: Any) -> Any:
            if own_order:
                return super()._get_train_sampler(*given)
            return torch.utils.data.SequentialSampler(self.train_dataset)

    settings = SFTConfig(
        output_dir=str(task.scratch / "trl"),
        num_train_epochs=1,
        per_device_train_batch_size=BATCH,
        max_grad_norm=1.0,
        max_length=None,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    optimizer = torch.optim.AdamW(training.groups(model.net, 0.01), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: training.share_of_rate(step, steps, 0.0)
    )
    trainer = InOrder(
        model=model.net,
        args=settings,
        train_dataset=Table.from_dict(table),
        processing_class=model.chat.tokenizer,
        optimizers=(optimizer, schedule),
    )
    trainer.remove_callback(PrinterCallback)
    began = time.process_time()
    trainer.train()
    seconds = time.process_time() - began
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], seconds


ARMS: dict[str, Callable[[ChatModel, Examples, Task, Bench], Run]] = {
    "padded": padded, "packed": packed, "frozen": frozen, "lora": lora, "trl": trl, "trl-own": trl_own,
}  # fmt: skip

if __name__ == "__main__":
    main()
