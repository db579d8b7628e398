"""Does a draft pay? Greedy answers of llama.cpp's server with and without guesses. Prints a table.

    .venv/bin/python tests/benchmarks/speculative.py FILE.gguf [--draft DRAFT.gguf] [--data FILE.csv]
        [--work DIR] [--types q8_0 f16 f32] [--tokens 32] [--rows 8] [--system TEXT]

FILE is a GGUF generator; from it the target is made in each type, in `--work`. `--draft` is a smaller model that
was distilled of it (the recipe in docs/generation.md); its questions are the column `message` of `--data`, all
over the file. Without it, what drafts cost is shown with the target's q4_0 copy and copies of a few of its layers
(untrained: their guesses are bad). A draft guesses some tokens, the target computes them in one batch and keeps
those that are its own (Leviathan et al., 2023); `ngram` guesses what followed the same tokens before.

One thread, keys and values float32, all configurations in turns. A prompt is read first, so that tokens per CPU
second of the process are those of the answer. `differ` counts answers that are not the plain ones: a batch adds in
another order than a single token, so what is near a tie may tip.
"""

import argparse
import csv
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xllamacpp
from gguf.quants import dequantize, quantize

import gguf
from slmworks_gguf import gguf_file, weights

PROMPTS = (
    "Write a short story about a dog.",
    "List five fruits, one a line.",
    "Explain what rain is.",
    "Give me a recipe for bread.",
    "Write JSON with name, date and city: Maria came to Leeds on 3 May.",
    "Repeat this twice: the quick brown fox jumps over the lazy dog.",
    "What is the capital of France?",
    "Write a letter to a landlord about a broken window.",
)
TYPES = {name: getattr(gguf.GGMLQuantizationType, name.upper()) for name in ("f32", "f16", "q8_0", "q4_0")}
KINDS = xllamacpp.common_speculative_type
COPIES = ((1, 0.0), (3, 0.0), (7, 0.5))
"""Tokens that the target's copy guesses, and how sure it must be of each."""
SIMPLE = KINDS.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE


@dataclass
class Guess:
    """How tokens are guessed, and what came of it."""

    name: str
    kind: Any = None
    draft: Path | None = None
    longest: int = 3
    sure: float = 0.0
    """A guess that the draft finds less likely ends its guessing."""
    tokens: int = 0
    seconds: float = 0.0
    guessed: int = 0
    accepted: int = 0
    answers: list[str] = field(default_factory=list)

    def server(self, target: Path) -> Any:
        """The target, loaded as `llama_server` loads it."""
        made = xllamacpp.CommonParams()
        made.model.path, made.n_ctx, made.n_parallel, made.verbosity = str(target), 512, 1, -1
        made.cpuparams.n_threads = made.cpuparams_batch.n_threads = 1
        made.cache_type_k = made.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        made.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        made.ui, made.warmup, made.cache_ram_mib = False, False, 0
        if self.kind is not None:
            made.speculative.types = [self.kind]
        if self.draft:
            draft = made.speculative.draft
            draft.mparams.path, draft.n_max = str(self.draft), self.longest
            draft.p_min = self.sure
            draft.cache_type_k = draft.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
            draft.cpuparams.n_threads = draft.cpuparams_batch.n_threads = 1
        return xllamacpp.Server(made)

    def answer(self, server: Any, text: str, tokens: int) -> None:
        """One more answer, behind a prompt that was read before the clock starts."""
        asked = {"prompt": text, "temperature": 0, "cache_prompt": True}
        server.handle_completions({**asked, "max_tokens": 1})
        start = time.process_time()
        said = server.handle_completions({**asked, "max_tokens": tokens})
        self.seconds += time.process_time() - start
        self.tokens += said["usage"]["completion_tokens"]
        self.guessed += said["timings"].get("draft_n", 0)
        self.accepted += said["timings"].get("draft_n_accepted", 0)
        self.answers.append(said["choices"][0]["text"])


def main() -> None:
    """Measure and print."""
    read = argparse.ArgumentParser()
    read.add_argument("file", type=Path)
    read.add_argument("--draft", type=Path)
    read.add_argument("--data", type=Path)
    read.add_argument("--system", default="The booking in JSON, null for what is missing.")
    read.add_argument("--work", type=Path, default=Path("speculative"))
    read.add_argument("--types", nargs="+", choices=("q8_0", "f16", "f32"), default=["q8_0", "f32"])
    read.add_argument("--tokens", type=int, default=32)
    read.add_argument("--rows", type=int, default=len(PROMPTS))
    given = read.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    asked = prompts(given.data, given.system, given.rows)
    print("| target | guesses | tokens per CPU second | against none | accepted of guessed | differ |")
    print("|---|---|---|---|---|---|", flush=True)
    for kind in given.types:
        target = copy(given.file, given.work / f"{kind}.gguf", kind)
        guesses = distilled(given.draft) if given.draft else untrained(given.file, target, given.work)
        servers = [one.server(target) for one in guesses]
        for prompt in asked:
            for one, server in zip(guesses, servers, strict=True):
                one.answer(server, prompt, given.tokens)
        show(kind, guesses)


def prompts(data: Path | None, system: str, rows: int) -> list[str]:
    """The texts that are continued."""
    if data is None:
        turns = [("", text) for text in PROMPTS[:rows]]
    else:
        with data.open(newline="", encoding="utf-8") as file:
            messages = [row["message"] for row in csv.DictReader(file)]
        turns = [(system, text) for text in messages[:: len(messages) // rows][:rows]]
    return [
        (f"<|im_start|>system\n{first}<|im_end|>\n" if first else "")
        + f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
        for first, text in turns
    ]


def plain() -> list[Guess]:
    """No guesses, and those that need no draft."""
    return [Guess("none"), Guess("ngram_simple", KINDS.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE)]


def distilled(draft: Path) -> list[Guess]:
    """A trained draft, by how many tokens it guesses, and how sure it must be."""
    settings = ((3, 0.0), (4, 0.5), (7, 0.5), (7, 0.8))
    return plain() + [Guess(f"draft, {n} tokens, p ≥ {sure}", SIMPLE, draft, n, sure) for n, sure in settings]


def untrained(file: Path, target: Path, work: Path) -> list[Guess]:
    """Copies of the target: smaller, of a few layers, and itself."""
    small = copy(file, work / "q4_0.gguf", "q4_0")
    few = [copy(file, work / f"layers-{n}.gguf", "q4_0", layers=n) for n in (4, 12)]
    return [
        *plain(),
        Guess("ngram_map_k", KINDS.COMMON_SPECULATIVE_TYPE_NGRAM_MAP_K),
        *(Guess(f"q4_0 draft, {n} tokens, p ≥ {sure}", SIMPLE, small, n, sure) for n, sure in COPIES),
        *(Guess(f"{one.stem} draft, 3 tokens", SIMPLE, one) for one in few),
        Guess("itself, 3 tokens", SIMPLE, target),
    ]


def show(kind: str, guesses: list[Guess]) -> None:
    """The lines of one target."""
    plain = guesses[0]
    for one in guesses:
        rate, base = one.tokens / one.seconds, plain.tokens / plain.seconds
        differ = sum(a != b for a, b in zip(one.answers, plain.answers, strict=True))
        counts = f"{one.accepted} of {one.guessed}"
        line = (
            kind,
            one.name,
            f"{rate:.1f}",
            f"{rate / base:.2f}x",
            counts,
            f"{differ} of {len(one.answers)}",
        )
        print(f"| {' | '.join(line)} |", flush=True)


def copy(source: Path, target: Path, kind: str, *, layers: int = 0) -> Path:
    """The model with its matrices in one type; `layers`: only the first ones and the last."""
    if target.exists():
        return target
    file = gguf_file.read(source)
    metadata = dict(file.metadata)
    family = str(metadata.pop("general.architecture"))
    depth = int(metadata[f"{family}.block_count"])
    kept = [*range(layers - 1), depth - 1] if layers else list(range(depth))
    metadata[f"{family}.block_count"] = len(kept)
    writer = gguf.GGUFWriter(target, family)
    for key, value in metadata.items():
        of, inner = file.types[key]
        element = None if inner is None else gguf.GGUFValueType(inner)
        writer.add_key_value(key, value, gguf.GGUFValueType(of), sub_type=element)
    for tensor in file.tensors:
        match = re.match(r"blk\.(\d+)(\..*)", tensor.name)
        if match and int(match[1]) not in kept:
            continue
        name = f"blk.{kept.index(int(match[1]))}{match[2]}" if match else tensor.name
        number = gguf.GGMLQuantizationType(tensor.type)
        values = dequantize(np.array(weights.stored(file, tensor)), number).astype(np.float32)
        wanted = TYPES[kind] if values.ndim > 1 else TYPES["f32"]
        writer.add_tensor(name, quantize(values, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


if __name__ == "__main__":
    main()
