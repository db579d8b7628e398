"""Speed of `distill/token-kd` on this machine, beside plain SFT and beside a teacher that is asked at each step.

    python tests/benchmarks/token_kd.py TEACHER [--layers 10] [--k 16] [--steps 4] [--rounds 3]

`TEACHER` is a Hugging Face folder with a chat template: SmolLM2 after `export/hf` (docs/generation.md), say. The student
is made of its first layers. The arms take turns, step by step, on the same rows, one thread: process CPU seconds
of forward and backward, medians of the rounds; the optimizer costs all arms the same. Below: bytes that a token of the teacher takes in a chunk.
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
from slmworks.contract.artifact import Model
from slmworks.contract.ledger import Cost
from slmworks.ledger.chunk import Chunk
from slmworks.model_tasks.text_generation.prompt import until_end
from slmworks.testing import Bench, sealed
from slmworks_torch import training
from slmworks_torch.causal import chat_model, forward, layouts, teacher_tokens
from slmworks_torch.causal.divergences import divergence
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.student import from_layers
from slmworks_torch.causal.supervised import Supervised
from slmworks_torch.causal.token_kd import TokenKD
from slmworks_torch.causal.token_objective import TokenMatch

BATCH = 4
QUESTIONS = (
    "Tell me about {}.",
    "What is good about {}?",
    "Write two sentences about {}.",
    "Why do people like {}?",
)
THINGS = ("tea", "rain", "trains", "old books", "the sea", "winter", "bread", "chess", "maps", "gardens")


def main() -> None:
    """Measure and print."""
    asked = _asked()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        task = bench.task("run", threads=1)
        training.prepare(task)
        given = sealed(Model(path=asked.teacher, format="hf"))
        teacher = chat_model.load(given, port="teacher")
        student = from_layers(teacher, range(asked.layers))
        rows = answered(teacher, BATCH * asked.steps, asked.tokens)
        said = teacher_tokens.gather(
            given, rows, task, k=asked.k, vocabulary=len(student.net.get_output_embeddings().weight)
        )
        _speed(_arms(teacher, student, rows, said), rows, asked)
        _bytes(bench)


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("teacher", type=Path)
    options.add_argument("--layers", type=int, default=10, help="of the student")
    options.add_argument("--k", type=int, default=16)
    options.add_argument("--steps", type=int, default=4)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tokens", type=int, default=64, help="tokens of an answer at most")
    return options.parse_args()


def answered(teacher: Any, count: int, most: int) -> Examples:
    """Questions with the teacher's own answers, drawn at temperature 0.7."""
    chance = random.Random(0)
    wordings = [one.format(thing) for thing in THINGS for one in QUESTIONS]
    prompts = [
        teacher.chat.encode({"messages": [{"role": "user", "content": text}]})
        for text in chance.sample(wordings, count)
    ]
    words = teacher.chat.tokenizer
    words.padding_side = "left"
    padded = words.pad({"input_ids": prompts}, return_tensors="pt")
    with torch.inference_mode():
        whole = teacher.net.generate(**padded, max_new_tokens=most, do_sample=True, temperature=0.7, top_k=0)
    ids = []
    for prompt, said in zip(prompts, whole[:, padded["input_ids"].shape[1] :].tolist(), strict=True):
        ids.append([*prompt, *until_end(said, teacher.ends)])
    return Examples(ids, [len(prompt) for prompt in prompts])


def _arms(teacher: Any, student: Any, rows: Examples, said: Any) -> dict[str, Callable[[Any], Any]]:
    """Name -> loss of a batch."""
    options = TokenKD()
    plain = Supervised(rows, rows, options, 1024, student.net.device)
    kd = TokenMatch(**vars(plain), said=said, kind="forward-kl", temperature=1.0, beta=0.5, alpha=0.0)

    def live(batch: Any) -> Any:
        with torch.inference_mode():
            theirs = forward.logits(teacher.net, batch).float().log_softmax(dim=1)
        return divergence(forward.logits(student.net, batch).float(), None, theirs.clone()).sum()

    return {
        "sft": lambda batch: plain.loss(student.net, batch),
        "ledger": lambda batch: kd.loss(student.net, batch),
        "live": live,
    }


def _speed(arms: dict[str, Callable[[Any], Any]], rows: Examples, asked: argparse.Namespace) -> None:
    spent: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(asked.rounds + 1):
        for step in range(asked.steps):
            batch = layouts.padded_batch(rows, range(step * BATCH, (step + 1) * BATCH), torch.device("cpu"))
            for name, loss in arms.items():
                began = time.process_time()
                loss(batch).backward()
                seconds = time.process_time() - began
                if turn:  # the first round warms up
                    spent[name].append(seconds / int(batch.positions.numel()))
    print(f"{'':<10}{'tokens/CPU s':>14}{'of sft':>10}{'of live':>10}")
    for name, found in spent.items():
        ratios = (_ratio(spent[base], found) for base in ("sft", "live"))
        print(f"{name:<10}{1 / statistics.median(found):>14.1f}", *(f"{one:>9.2f}" for one in ratios))


def _ratio(base: list[float], found: list[float]) -> float:
    """Median of the speeds of pairs."""
    return statistics.median(one / other for one, other in zip(base, found, strict=True))


def _bytes(bench: Bench) -> None:
    """What the teacher's tokens took, in a chunk and of the processor."""
    ((_, ledger),) = bench.ledgers.items()
    data = Chunk({key[:32]: entry for key, entry in ledger.entries.items()}, Cost(), "").dump()
    spent = ledger.spent
    print(
        f"\nteacher: {spent.tokens} tokens, {len(data) / spent.tokens:.1f} bytes each, "
        f"{(spent.tokens + spent.prompt_tokens) / spent.cpu_seconds:.1f} tokens a CPU second, prompts included"
    )


if __name__ == "__main__":
    main()
