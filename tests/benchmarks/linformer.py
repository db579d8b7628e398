"""Time of a Linformer against BERT's attention by length, one thread. Prints a table and a linear fit.

    .venv/bin/python tests/benchmarks/linformer.py [--layers N] [--width W] [--k K] [--batch B] [--turns T]

Random weights; both networks compute the same rows of full length, in turns, and the median counts. `attention`
is what of a network's time is spent in its layers' self-attention. The fit is ms = a + b · tokens over the
Linformer's times, with the share of their variance that it explains.
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
    print(
        f"{'tokens':>8}{'attention: BERT (sdpa)':>24}{'Linformer':>11}{'':>8}{'network: BERT':>15}{'Linformer':>11}"
    )
    found = [measured(nets, asked.batch, tokens, asked.turns) for tokens in TOKENS]
    for tokens, ((bert, its), (linformer, own)) in zip(TOKENS, found, strict=True):
        shown = f"{tokens:>8}{its:>24.0f}{own:>11.0f}{its / own:>7.1f}×{bert:>15.0f}{linformer:>11.0f}"
        print(f"{shown}{bert / linformer:>7.1f}×")
    for name, place in (("network", 0), ("attention", 1)):
        slope, start, share = fitted([linformer[place] for _, linformer in found])
        print(f"Linformer's {name}: ms = {start:.1f} + {slope:.4f} · tokens, R² = {share:.4f}")


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


class Clock:
    """Adds up what a network's self-attention takes."""

    def __init__(self, net: Any) -> None:
        self.ms, self._began = 0.0, 0.0
        for layer in net.encoder.layer:
            layer.attention.self.register_forward_pre_hook(self._begin)
            layer.attention.self.register_forward_hook(self._end)

    def _begin(self, *_: object) -> None:
        self._began = time.perf_counter()

    def _end(self, *_: object) -> None:
        self.ms += 1e3 * (time.perf_counter() - self._began)


def measured(nets: Mapping[str, Any], batch: int, tokens: int, turns: int) -> list[tuple[float, float]]:
    """Median milliseconds of each network and of its attention; they take turns, the first is not counted."""
    ids = torch.randint(5, 1000, (batch, tokens))
    mask = torch.ones_like(ids)
    clocks = {kind: Clock(net) for kind, net in nets.items()}
    times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in nets}
    with torch.inference_mode():
        for _ in range(turns + 1):
            for kind, net in nets.items():
                before, began = clocks[kind].ms, time.perf_counter()
                net(input_ids=ids, attention_mask=mask)
                spent = 1e3 * (time.perf_counter() - began)
                times[kind].append((spent, clocks[kind].ms - before))
    return [
        (statistics.median(whole for whole, _ in one[1:]), statistics.median(part for _, part in one[1:]))
        for one in times.values()
    ]


def fitted(times: Sequence[float]) -> tuple[float, float, float]:
    """Slope (ms a token), start (ms) and explained share of a straight line through the times."""
    slope, start = np.polyfit(TOKENS, times, 1)
    rest = np.asarray(times) - (start + slope * np.asarray(TOKENS))
    return float(slope), float(start), float(1 - rest.var() / np.var(times))


if __name__ == "__main__":
    main()
