"""A generator in fewer bits: bytes, quality and speed of every way to quantize it. Prints a table.

    python tests/benchmarks/quantized_generators.py --model FOLDER --data DATASET_FOLDER [--types q8_0,q4_0+]

FOLDER is a Hugging Face folder of a causal language model, DATASET_FOLDER an artifact of curate/chat. A `+` behind a
type calibrates it with rows of `train`. Perplexity is that of the answers' tokens (and their end) in `test`, each in
the engine that the file is for: llama.cpp for GGUF, torch for folders. Divergence is what the step reports (nats a
token, in llama.cpp, on the model's own greedy text), tokens a CPU-second are of one thread: rates of one engine
compare, and a busy machine moves them. `made s` is CPU seconds.

A model that was read from 4 bits lies on a 4-bit grid already: give one that was tuned.
"""

import argparse
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Artifact, Dataset, Model
from slmworks.contract.errors import SlmworksError

TYPES = "f32,q8_0,q6_k,q5_k_m,q5_k_m+,q5_0,q5_0+,q4_k_m,q4_k_m+,iq4_nl,iq4_nl+,q4_1,q4_1+,q4_0,q4_0+,q3_k_m,q3_k_m+"
LONGEST = 1024
"""Tokens of a row at most."""
DECODED = 32
"""Tokens that are written behind each prompt."""


@dataclass(frozen=True)
class Line:
    """What one file comes to."""

    name: str
    size: int
    seconds: float
    perplexity: float
    read: float
    """Tokens of prompts a CPU-second."""
    written: float
    """Tokens that are written a CPU-second."""
    divergence: float
    where: str


Texts = Sequence[tuple[Sequence[int], Sequence[int]]]
"""Token ids of prompts and answers."""


def main() -> None:
    """Make each file, measure it, print its line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", type=Path, required=True, help="Hugging Face folder")
    options.add_argument("--data", type=Path, required=True, help="folder of a Dataset of text-generation")
    options.add_argument(
        "--types",
        default=TYPES,
        help=f"default: {TYPES}; inc-4, inc-8, gptq-4, gptq-8, awq-4 and autoround-ITERS too",
    )
    options.add_argument("--rows", type=int, default=40, help="rows of test to measure with")
    options.add_argument("--calibrate", type=int, default=128, help="rows of train to calibrate with")
    options.add_argument("--keep", type=Path, help="folder to keep the files in; default: they go")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            _table(given, Path(given.keep or scratch))
        except SlmworksError as error:
            sys.exit(str(error))


def _table(given: argparse.Namespace, work: Path) -> None:
    model, data = _model(given.model), Artifact.open(given.data)
    if not isinstance(data, Dataset):
        sys.exit(f"{given.data}: a {data.kind}, and a Dataset is wanted.")
    rows = random.Random(0).sample(found := _rows(data), min(given.rows, len(found)))
    weights = sum(path.stat().st_size for path in model.path.glob("*.safetensors"))
    lines = [_torch(model, rows)]
    base = lines[0]
    print(
        f"{len(rows)} rows; perplexity of their answers\n\n{'type':<12}{'MB':>8}{'smaller':>9}{'made s':>8}"
        f"{'divergence':>12}{'perplexity':>12}{'ratio':>8}{'read/s':>8}{'write/s':>9}  loaded by"
    )
    _show(base, base, weights)
    for name in given.types.split(","):
        try:
            _show(_line(name, model, data, rows, given.calibrate, work), base, weights)
        except SlmworksError as error:
            print(f"{name:<12}{error}", flush=True)


def _show(line: Line, base: Line, weights: int) -> None:
    moved = f"{line.divergence:12.5f}" if math.isfinite(line.divergence) else f"{'-':>12}"
    print(
        f"{line.name:<12}{line.size / 1e6:8.1f}{weights / line.size:9.2f}{line.seconds:8.1f}{moved}"
        f"{line.perplexity:12.3f}{line.perplexity / base.perplexity:8.4f}{line.read:8.0f}{line.written:9.1f}"
        f"  {line.where}",
        flush=True,
    )


def _model(folder: Path) -> Model:
    found = Artifact.open(folder) if (folder / "slmworks.json").is_file() else Model(path=folder, format="hf")
    if not isinstance(found, Model) or found.format != "hf":
        sys.exit(f"{folder}: no Hugging Face folder of a model; GGUF files are made from one.")
    return found


def _rows(data: Dataset) -> list[dict[str, Any]]:
    return [row for row in data.rows("test", "id", "messages", "completion") if row["completion"]]


def _line(name: str, model: Model, data: Dataset, rows: Sequence[Any], calibrate: int, work: Path) -> Line:
    """Make one file and measure it."""
    from slmworks.testing import Bench, sealed

    plugin, calibration = _plugin(name, calibrate), data if _calibrated(name) else None
    task = Bench(work).task(name.replace("+", "-calibrated"))
    with _seconds() as spent:
        if name == "f32":
            made = sealed(plugin.run(model=model, task=task))
        else:
            made = sealed(plugin.run(model=model, calibration=calibration, task=task))
    found = _gguf(made, rows) if made.format == "gguf" else _torch(made, rows)
    size = sum(
        path.stat().st_size for path in made.path.rglob("*") if path.suffix in (".gguf", ".safetensors")
    )
    moved = float(made.summary.get("divergence", math.nan if name != "f32" else 0.0))
    return Line(name, size, spent(), found.perplexity, found.read, found.written, moved, found.where)


def _calibrated(name: str) -> bool:
    return name.endswith("+") or name.startswith(("autoround", "gptq", "awq"))


def _plugin(name: str, calibrate: int) -> Any:
    """The step that makes a file."""
    from slmworks_gguf.export import ExportGguf
    from slmworks_gguf.quantize import QuantizeGguf

    if name == "f32":
        return ExportGguf()
    if name.startswith("inc-"):
        from slmworks_inc.rtn import IncRtn

        return IncRtn(bits=int(name[4:]))
    if name.startswith("gptq-"):
        from slmworks_inc.gptq import IncGptq

        return IncGptq(bits=int(name[5:]), rows=calibrate)
    if name == "awq-4":
        from slmworks_inc.awq import IncAwq

        return IncAwq(rows=calibrate)
    if name.startswith("autoround-"):
        from slmworks_inc.autoround import IncAutoround

        return IncAutoround(iters=int(name[10:]), rows=calibrate)
    return QuantizeGguf(type=name.rstrip("+"), rows=calibrate)


def _gguf(model: Model, rows: Sequence[Any]) -> Line:
    """A GGUF file in llama.cpp, its prompts and ends as its runtime has them."""
    from slmworks_gguf import llama_cpp
    from slmworks_gguf.generator import GgufGenerator

    runtime = GgufGenerator.open(model, threads=1)
    with llama_cpp.opened(model.path / "model.gguf", threads=1, window=LONGEST) as llama:
        texts: Texts = [
            (runtime.encode(row), [*llama.encode(row["completion"], around=False), *runtime.ends[:1]])
            for row in rows
        ]

        def written(ids: Sequence[int]) -> None:
            llama._forget()
            found = llama._compute(ids, 0, skip=len(ids) - 1)
            for place in range(len(ids), len(ids) + DECODED - 1):
                found = llama._compute([int(found[0].argmax())], place)

        return _measured(
            _short(texts, runtime.context), llama.logits, llama.read, written, "llama.cpp, gguf runtime"
        )


def _short(texts: Texts, context: int) -> Texts:
    """Texts with room for what is written behind them: longer answers lose their end, longer prompts go."""
    room = min(LONGEST, context or LONGEST) - DECODED
    return [(prompt, answer[: room - len(prompt)]) for prompt, answer in texts if len(prompt) < room]


def _torch(model: Model, rows: Sequence[Any]) -> Line:
    """A folder in torch, by the runtime of its format."""
    import torch
    from slmworks.contract.runtime import open_runtime

    runtime: Any = open_runtime(model, threads=1, model_task="text-generation")
    tokenizer, network = runtime.tokenizer, runtime.module
    texts: Texts = [
        (
            runtime.encode(row),
            [*tokenizer(row["completion"], add_special_tokens=False)["input_ids"], *runtime.ends[:1]],
        )
        for row in rows
    ]
    texts = _short(texts, runtime.context)

    def logits(ids: Sequence[int]) -> Any:
        with torch.inference_mode():
            return network(input_ids=torch.tensor([ids])).logits[0].float().numpy()

    def first(ids: Sequence[int]) -> None:
        with torch.inference_mode():
            network(input_ids=torch.tensor([ids]), logits_to_keep=1)

    def written(ids: Sequence[int]) -> None:
        given = torch.tensor([ids])
        network.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=DECODED,
            min_new_tokens=DECODED,
        )

    line = _measured(texts, logits, first, written, f"torch, {model.format} runtime")
    size = sum(path.stat().st_size for path in model.path.glob("*.safetensors"))
    return Line(model.format, size, 0.0, line.perplexity, line.read, line.written, math.nan, line.where)


def _measured(
    texts: Texts,
    logits: Callable[[Sequence[int]], Any],
    first: Callable[[Sequence[int]], Any],
    written: Callable[[Sequence[int]], Any],
    where: str,
) -> Line:
    """Perplexity of the answers, and tokens a CPU-second."""
    from slmworks.model_tasks.text_generation.divergence import log_softmax

    total, count = 0.0, 0
    for prompt, answer in texts:
        ids = [*prompt, *answer]
        found = logits(ids[:-1])
        start = max(len(prompt), 1)  # nothing says how likely a first token is
        for place in range(start, len(ids)):
            total -= float(log_softmax(found[place - 1])[ids[place]])
            count += 1
    prompts = [[*prompt, *answer][:-1] for prompt, answer in texts[:8]]
    with _seconds() as reading:
        for ids in prompts:
            first(ids)
    with _seconds() as both:
        for ids in prompts[:4]:
            written(ids)
    per_token = reading() / sum(map(len, prompts))
    writing = max(both() - per_token * sum(map(len, prompts[:4])), 1e-9)
    steps = (DECODED - 1) * len(prompts[:4])
    return Line("", 0, 0.0, math.exp(total / count), 1 / per_token, steps / writing, math.nan, where)


@contextmanager
def _seconds() -> Iterator[Callable[[], float]]:
    """CPU seconds of the block, as a call."""
    start = time.process_time()
    ended: list[float] = []
    yield lambda: (ended or [time.process_time()])[0] - start
    ended.append(time.process_time())


if __name__ == "__main__":
    main()
