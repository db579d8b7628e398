"""Time of a Linformer against BERT's attention by length, one thread. Prints a table and a linear fit.

    .venv/bin/python tests/benchmarks/linformer.py [--layers N] [--width W] [--k K] [--batch B] [--turns T]

Random weights; both networks compute the same rows of full length, in turns, and the median counts. The fit is
ms = a + b · tokens over the Linformer's times, with the share of their variance that it explains.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from transformers import AutoConfig

import torch
from slmworks.model_tasks.hf_text import register_architectures
from slmworks_torch.networks import new_network

TOKENS = (128, 512, 1024, 2048)


def main() -> None:
    """Build both, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, usual in (("layers", 4), ("width", 256), ("k", 128), ("batch", 4), ("turns", 5)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    nets = {kind: network(kind, asked) for kind in ("bert", "linformer")}
    print(f"{asked.layers} layers of {asked.width}, k = {asked.k}, batch {asked.batch}, ms, one thread")
    print(f"{'tokens':>8}{'BERT (sdpa)':>14}{'Linformer':>12}{'ratio':>8}")
    found = [measured(nets, asked.batch, tokens, asked.turns) for tokens in TOKENS]
    for tokens, (bert, linformer) in zip(TOKENS, found, strict=True):
        print(f"{tokens:>8}{bert:>14.0f}{linformer:>12.0f}{bert / linformer:>7.1f}×")
    slope, start, share = fitted([linformer for _, linformer in found])
    print(f"Linformer: ms = {start:.1f} + {slope:.4f} · tokens, R² = {share:.4f}")


def network(kind: str, asked: argparse.Namespace) -> Any:
    """A network of the family with random weights, a small vocabulary, and positions for all lengths."""
    register_architectures()
    sizes: dict[str, Any] = {
        "vocab_size": 1000,
        "hidden_size": asked.width,
        "num_hidden_layers": asked.layers,
        "num_attention_heads": asked.width // 64,
        "intermediate_size": 4 * asked.width,
        "max_position_embeddings": max(TOKENS),
    }
    if kind == "linformer":
        sizes["projected_length"] = asked.k
    return new_network(AutoConfig.for_model(kind, **sizes), "AutoModel").eval()


def measured(nets: Mapping[str, Any], batch: int, tokens: int, turns: int) -> list[float]:
    """Median milliseconds of each network, which take turns; the first turn is not counted."""
    ids = torch.randint(5, 1000, (batch, tokens))
    mask = torch.ones_like(ids)
    times: dict[str, list[float]] = {kind: [] for kind in nets}
    with torch.inference_mode():
        for _ in range(turns + 1):
            for kind, net in nets.items():
                began = time.perf_counter()
                net(input_ids=ids, attention_mask=mask)
                times[kind].append(1e3 * (time.perf_counter() - began))
    return [statistics.median(one[1:]) for one in times.values()]


def fitted(times: Sequence[float]) -> tuple[float, float, float]:
    """Slope (ms a token), start (ms) and explained share of a straight line through the times."""
    slope, start = np.polyfit(TOKENS, times, 1)
    rest = np.asarray(times) - (start + slope * np.asarray(TOKENS))
    return float(slope), float(start), float(1 - rest.var() / np.var(times))


if __name__ == "__main__":
    main()
