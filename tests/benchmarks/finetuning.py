"""Fine-tuning beside Hugging Face's Trainer: equal network, rows, options and threads. Prints a table.

    .venv/bin/python -m pip install --no-deps --target /tmp/accelerate accelerate
    PYTHONPATH=/tmp/accelerate .venv/bin/python tests/benchmarks/finetuning.py [--rows 1280] [--rounds 3]

A network of MiniLM's shape with random weights learns from random tokens: texts as long as questions to a bank
(4 to 64 tokens, mostly 10 to 20), and as long as the first recipe's (cut at 32, mostly 15 to 32). Both train one
epoch in batches of 32 with AdamW (fused), 10 % warmup and linear decay, dropout 0.1 and clipping at 1; the
Trainer takes rows in random order and pads each batch to its longest row. They take turns; a ratio is the
median over the rounds. CPU seconds are of one thread.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from slmworks.contract.stage import Task
from slmworks.testing import Bench
from slmworks_torch.batches import Encoded
from slmworks_torch.classification import logits
from slmworks_torch.losses import cross_entropy
from slmworks_torch.scoring import Score
from slmworks_torch.text_training import TextObjective, train
from slmworks_torch.training import prepare
from slmworks_torch.training_options import TrainingOptions

LABELS, VOCABULARY, BATCH, RATE = 3, 4000, 32, 1e-4
TEXTS = {"a bank's questions": (2.6, 0.45, 64), "the first recipe's": (3.15, 0.5, 32)}
"""Mean and deviation of the logarithm of the number of tokens, and where texts are cut."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=1280)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    print(f"{'texts':<22}{'':<10}{'rows/s':>9}{'rows/CPU s':>12}{'of Trainer':>12}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        prepare(bench.task("prepare"))
        for name, lengths in TEXTS.items():
            rows = data(asked.rows, *lengths)
            found: dict[str, list[tuple[float, float]]] = {"Trainer": [], "slmworks": []}
            for turn in range(asked.rounds):
                found["Trainer"].append(timed(theirs, *rows, folder))
                found["slmworks"].append(timed(ours, *rows, bench.task(f"{name}-{turn}")))
            pairs = zip(found["slmworks"], found["Trainer"], strict=True)
            ratio = statistics.median(one[1] / other[1] for one, other in pairs)
            for who, rounds in found.items():
                rate, efficient = (statistics.median(column) for column in zip(*rounds, strict=True))
                shown = f"{ratio:.2f}" if who == "slmworks" else ""
                print(f"{name:<22}{who:<10}{rate:>9.1f}{efficient:>12.1f}{shown:>12}", flush=True)


def data(count: int, mean: float, deviation: float, most: int) -> tuple[Encoded, list[int]]:
    """Random token ids of random lengths, and random labels."""
    chance = random.Random(0)
    lengths = [max(4, min(most, round(chance.lognormvariate(mean, deviation)))) for _ in range(count)]
    ids = [[chance.randrange(1, VOCABULARY) for _ in range(length)] for length in lengths]
    return Encoded(ids, 0), [chance.randrange(LABELS) for _ in range(count)]


def network() -> Any:
    """MiniLM's shape with random weights."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
            num_labels=LABELS,
        )
    )


def timed(work: Callable[..., None], rows: Encoded, *given: Any) -> tuple[float, float]:
    """Rows a second and rows a CPU second."""
    net = network()
    begun, cpu = time.perf_counter(), time.process_time()
    work(net, rows, *given)
    return len(rows) / (time.perf_counter() - begun), len(rows) / (time.process_time() - cpu)


def ours(net: Any, rows: Encoded, classes: list[int], task: Task) -> None:
    """One epoch by our loop."""
    objective = TextObjective(
        rows, logits, cross_entropy(classes), check=lambda: Score("accuracy", 0.5, 0.05)
    )
    train(net, objective, TrainingOptions(epochs=1, batch_size=BATCH, learning_rate=RATE), task)


def theirs(net: Any, rows: Encoded, classes: list[int], folder: str) -> None:
    """One epoch by the Trainer."""
    from transformers import Trainer, TrainingArguments

    texts = [{"ids": ids, "label": label} for ids, label in zip(rows.ids, classes, strict=True)]

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["ids"]) for row in batch)
        padded = [row["ids"] + [0] * (longest - len(row["ids"])) for row in batch]
        real = [[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in batch]
        return {
            "input_ids": torch.tensor(padded),
            "attention_mask": torch.tensor(real),
            "labels": torch.tensor([row["label"] for row in batch]),
        }

    settings = TrainingArguments(
        output_dir=f"{folder}/trainer",
        num_train_epochs=1,
        per_device_train_batch_size=BATCH,
        learning_rate=RATE,
        weight_decay=0.01,
        warmup_steps=0.1,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        logging_steps=1_000_000,
        save_strategy="no",
        report_to=[],
        remove_unused_columns=False,
    )
    Trainer(model=net, args=settings, train_dataset=texts, data_collator=collate).train()


if __name__ == "__main__":
    main()
