"""What distillation costs beside fine-tuning: the same network, the same batches, other losses. Prints a table.

    .venv/bin/python tests/benchmarks/distillation.py [--quick]

`plain` learns from labels, `cached` from a teacher's logits that are there already, as `distill` does, `live`
asks the teacher in every step. They take turns; a ratio is the median over the rounds, each of which is long
enough that the turns of the machine don't decide. Teacher and student have MiniLM's shape and random weights.
"""

import argparse
import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from slmworks.testing import Bench
from slmworks_torch.batches import Encoded
from slmworks_torch.classification import logits as forward
from slmworks_torch.losses import cross_entropy, distillation
from slmworks_torch.scoring import Score, outputs_of
from slmworks_torch.text_training import TextObjective, train
from slmworks_torch.training import prepare
from slmworks_torch.training_options import TrainingOptions

LABELS, VOCABULARY, LENGTHS = 77, 4000, (6, 28)
LIMIT = 0.97
TEMPERATURE, MSE = 2.0, 0.3


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="few rows and rounds: does it run?")
    quick = options.parse_args().quick
    rounds, count = (2, 192) if quick else (7, 1280)
    rows, classes = data(count)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        prepare(bench.task("prepare"))
        teacher = network(6)
        logits = outputs_of(teacher, forward, rows)
        losses = {
            "plain": cross_entropy(classes),
            "cached": distillation(logits, classes, temperature=TEMPERATURE, alpha=0.0, mse=MSE),
            "live": live(teacher, rows, classes),
        }
        taken: dict[str, list[float]] = {name: [] for name in losses}
        for turn in range(rounds):
            order = list(losses) if turn % 2 == 0 else list(reversed(losses))
            for name in order:
                taken[name].append(rate(rows, losses[name], bench, f"{name}-{turn}"))
    print(f"{'training step':<28}{'rows/s':>9}{'of plain':>10}{'limit':>8}")
    for name, what in (
        ("plain", "fine-tuning, labels"),
        ("cached", "distillation, cached logits"),
        ("live", "distillation, live teacher"),
    ):
        ratio = statistics.median(a / b for a, b in zip(taken[name], taken["plain"], strict=True))
        limit = f"{LIMIT:.2f}" if name == "cached" else ""
        print(f"{what:<28}{statistics.median(taken[name]):>9.1f}{ratio:>10.3f}{limit:>8}")


def data(count: int) -> tuple[Encoded, list[int]]:
    """Random token ids as long as questions to a bank are, and random labels."""
    chance = random.Random(0)
    ids = [[chance.randrange(VOCABULARY) for _ in range(chance.randint(*LENGTHS))] for _ in range(count)]
    return Encoded(ids, 0), [chance.randrange(LABELS) for _ in range(count)]


def network(layers: int) -> Any:
    """MiniLM's shape with `layers` layers and random weights."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(layers)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=384,
            num_hidden_layers=layers,
            num_attention_heads=12,
            intermediate_size=1536,
            num_labels=LABELS,
        )
    ).eval()


def live(teacher: Any, rows: Encoded, classes: list[int]) -> Callable[..., torch.Tensor]:
    """Distillation that runs the teacher on every batch."""

    def loss(logits: torch.Tensor, batch: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            said = teacher(**rows.batch(batch, logits.device)).logits.float()
        known = [classes[row] for row in batch]
        now = distillation(said.clone(), known, temperature=TEMPERATURE, alpha=0.0, mse=MSE)
        return now(logits, list(range(len(batch))))

    return loss


def rate(rows: Encoded, loss: Callable[..., torch.Tensor], bench: Bench, name: str) -> float:
    """Rows a second of one epoch with a three-layer student."""
    objective = TextObjective(rows, forward, loss, check=lambda: Score("accuracy", 0.5, 0.05))
    return train(network(3), objective, TrainingOptions(epochs=1), bench.task(name)).rows_per_s


if __name__ == "__main__":
    main()
