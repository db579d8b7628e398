"""What a checkpoint costs a training: bytes, seconds to write and to read. Prints a table.

    .venv/bin/python tests/benchmarks/checkpoints.py [--folder .]

Networks with random weights, of MiniLM's shape (the first recipe's teacher) and of half its layers, each after one
step: weights, optimizer and a kept epoch. One is written once a minute at most, and in a twentieth of the time at
most: where the disk is slow, or other jobs hold it, the next one comes later. CPU seconds are of one thread.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from slmworks.testing import Bench
from slmworks_torch import checkpoints
from slmworks_torch.batches import Encoded
from slmworks_torch.classification import logits
from slmworks_torch.loop import Loop
from slmworks_torch.losses import cross_entropy
from slmworks_torch.scoring import Score
from slmworks_torch.text_training import TextObjective
from slmworks_torch.training import prepare, trained
from slmworks_torch.training_options import TrainingOptions

VOCABULARY = 30522


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--folder", type=Path, help="on the disk of the store; default: the temporary one")
    asked = options.parse_args()
    heads = ("layers", "million weights", "MB", "s to write", "CPU s", "s to read", "of the time")
    print("".join(f"{head:>17}" for head in heads))
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        bench = Bench(Path(folder))
        prepare(bench.task("prepare"))
        for layers in (6, 3):
            line(layers, loop_of(layers, bench, Path(folder) / f"kept-{layers}"))


def loop_of(layers: int, bench: Bench, kept: Path) -> Loop:
    """A training that has done one step and kept an epoch."""
    net = network(layers)
    rows = Encoded([[1, 2, 3, 4], [5, 6, 7, 8]], 0)
    objective = TextObjective(rows, logits, cross_entropy([0, 1]), lambda: Score("accuracy", 0.5, 0.1))
    task = replace(bench.task(f"layers-{layers}"), checkpoints=kept)
    loop = Loop(net, objective, TrainingOptions(epochs=2), task)
    loop._learn([0, 1])
    loop.kept = {name: weight.detach().clone() for name, weight in trained(net)}
    return loop


def network(layers: int) -> Any:
    """MiniLM's shape with random weights."""
    from transformers import BertConfig, BertForSequenceClassification

    shape = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
    return BertForSequenceClassification(BertConfig(vocab_size=VOCABULARY, num_hidden_layers=layers, **shape))


def line(layers: int, loop: Loop) -> None:
    """Write and read once, and print."""
    kept = loop.checkpoints
    begun, cpu = time.perf_counter(), time.process_time()
    kept.save(1, loop._state())
    written, cpu = time.perf_counter(), time.process_time() - cpu
    state = kept.load()
    read = time.perf_counter() - written
    assert state is not None
    assert kept.folder is not None
    size = sum(path.stat().st_size for path in kept.folder.iterdir())
    weights = sum(weight.numel() for _, weight in trained(loop.net))
    took = written - begun
    share = took / max(checkpoints.LEAST, took / checkpoints.SHARE)
    cells = (layers, f"{weights / 1e6:.1f}", f"{size / 1e6:.0f}", f"{took:.2f}", f"{cpu:.2f}", f"{read:.2f}")
    print("".join(f"{cell:>17}" for cell in (*cells, f"{share:.1%}")))


if __name__ == "__main__":
    main()
