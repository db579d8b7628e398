"""Training with all cores beside other processes: threads that spin briefly, long or not at all while they wait.

    .venv/bin/python tests/benchmarks/training_threads.py [--seconds 10] [--rounds 3]

A network of MiniLM's shape is trained (32 rows of 24 tokens a step) with as many threads as there are cores,
alone and beside busy processes; `brief` is what a step's process gets, `long` is libgomp's default, `none` is
OpenMP's passive policy. They take turns; a ratio is the median over the rounds. Run it on a machine that does nothing else.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from slmworks.machine.cores import usable_cores
from slmworks.machine.process import environment

BUSY = "while True: pass"
TRAIN = """
import sys, time
import torch
from transformers import BertConfig, BertForSequenceClassification
threads, seconds = int(sys.argv[1]), float(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
net = BertForSequenceClassification(BertConfig(
    vocab_size=1000, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
ids, labels = torch.randint(1000, (32, 24)), torch.randint(2, (32,))
def step():
    net(input_ids=ids, labels=labels).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
step()
begun, cpu, steps = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - begun < seconds:
    step()
    steps += 1
print(32 * steps / (time.perf_counter() - begun), 32 * steps / (time.process_time() - cpu))
"""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    print(f"{'busy processes':>14}{'spin':>8}{'rows/s':>9}{'rows/CPU s':>12}{'of long':>9}")
    for busy in (0, 1, 3):
        found: dict[str, list[tuple[float, float]]] = {"long": [], "brief": [], "none": []}
        with beside(busy):
            for _ in range(asked.rounds):
                for name, rounds in found.items():
                    rounds.append(rate(name, asked.seconds))
        for name, rounds in found.items():
            ratio = statistics.median(a[0] / b[0] for a, b in zip(rounds, found["long"], strict=True))
            rows, efficient = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"{busy:>14}{name:>8}{rows:>9.1f}{efficient:>12.1f}{ratio:>9.2f}", flush=True)


def rate(name: str, seconds: float) -> tuple[float, float]:
    """Rows a second and rows a CPU second of a fresh process."""
    threads = usable_cores()
    env = {**os.environ, **environment(threads)}
    if name != "brief":
        del env["GOMP_SPINCOUNT"]
    if name == "none":
        env["OMP_WAIT_POLICY"] = "PASSIVE"
    said = subprocess.run(
        [sys.executable, "-c", TRAIN, str(threads), str(seconds)],
        env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ).stdout  # fmt: skip
    rows, efficient = said.split()
    return float(rows), float(efficient)


@contextmanager
def beside(count: int) -> Iterator[None]:
    """So many processes that always compute."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    main()
