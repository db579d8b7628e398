"""A Transformer-XL on plain text: perplexity with memory, without it, and with windows computed anew. Prints a table.

    .venv/bin/python tests/benchmarks/transformer_xl.py TEXT [--share S] [--epochs N] [--context C] [--memory M]

The model is made by finetune/pretrain of the first nine tenths of the file (or of a share of them) and judged on
the last tenth. `windows` compute each segment and the text that its tokens can see, without memory: the same
perplexity as with memory if the window is layers · memory long, at a cost that is printed.
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
from slmworks_torch.causal.pretrain import Pretrain

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema([("id", pa.string()), ("messages", pa.list_(TURN)), ("completion", pa.string())])
ROW = 20_000
"""Characters of a row."""


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--judged", type=int, default=4096, help="tokens of the last tenth that are judged")
    for name, usual in (("epochs", 3), ("context", 256), ("memory", 64)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    whole = asked.text.read_text(encoding="utf-8")
    border = len(whole) * 9 // 10
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        plugin = Pretrain(
            architecture="transformer-xl", context=asked.context, memory_length=asked.memory,
            epochs=asked.epochs, vocabulary=512, batch_size=8,
        )  # fmt: skip
        learnt = rows(whole[: int(border * asked.share)])
        data = written(bench.folder / "data", train=learnt[1:], validation=learnt[:1])
        began = time.perf_counter()
        made = sealed(plugin.run(model=None, data=data, task=bench.task("pretrain")))
        spent = time.perf_counter() - began
        print(
            f"{made.summary['parameters']:,} weights, {asked.epochs} epochs of {len(learnt)} rows, {spent:.0f} s"
        )
        judge(made, whole[border:], asked)


def rows(text: str) -> list[dict[str, Any]]:
    """Plain text in rows: the prompt is empty."""
    pieces = [text[at : at + ROW] for at in range(0, len(text), ROW)]
    return [
        {"id": str(number), "messages": [{"role": "prompt", "content": ""}], "completion": piece}
        for number, piece in enumerate(pieces)
    ]


def written(folder: Path, **splits: list[dict[str, Any]]) -> Dataset:
    """Rows as a dataset for text generation."""
    folder.mkdir()
    for split, found in splits.items():
        pq.write_table(pa.Table.from_pylist(found, schema=SCHEMA), folder / f"{split}.parquet")
    (folder / "card.json").write_text(json.dumps({}) + "\n")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def judge(made: Model, text: str, asked: argparse.Namespace) -> None:
    """Perplexity of the text's first tokens in three ways, and the time that each took."""
    torch.set_num_threads(1)
    net = load_network(made.path, "AutoModelForCausalLM")
    ids = torch.tensor([ChatTokenizer.open(made.path).ids(text, around=False)[: asked.judged]])
    size = int(net.config.segment_length)
    reach = int(net.config.num_hidden_layers) * int(net.config.memory_length)
    for name, way in (
        ("memory", with_memory),
        ("no memory", alone),
        (f"windows of {reach + size}", in_windows),
    ):
        began = time.perf_counter()
        with torch.inference_mode():
            logits = way(net, ids, size, reach)[0, :-1]
        lost = float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))
        print(f"{name:>18}: perplexity {math.exp(lost):6.2f}, {time.perf_counter() - began:5.1f} s")


def with_memory(net: Any, ids: torch.Tensor, size: int, _reach: int) -> torch.Tensor:
    """Each segment behind what is remembered of those before."""
    memory, found = None, []
    for piece in ids.split(size, dim=1):
        said = net(input_ids=piece, memory=memory)
        memory = said.memory
        found.append(said.logits)
    return torch.cat(found, dim=1)


def alone(net: Any, ids: torch.Tensor, size: int, _reach: int) -> torch.Tensor:
    """Each segment by itself."""
    return torch.cat([net(input_ids=piece).logits for piece in ids.split(size, dim=1)], dim=1)


def in_windows(net: Any, ids: torch.Tensor, size: int, reach: int) -> torch.Tensor:
    """Each segment behind the `reach` tokens before it, which are computed anew."""
    found = []
    for at in range(0, ids.shape[1], size):
        piece = ids[:, max(0, at - reach) : at + size]
        found.append(net(input_ids=piece).logits[:, min(at, reach) :])
    return torch.cat(found, dim=1)


if __name__ == "__main__":
    main()
