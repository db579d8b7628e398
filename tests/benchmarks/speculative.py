"""Does a draft pay? Greedy answers of llama.cpp's server with and without guesses. Prints a table.

    .venv/bin/python tests/benchmarks/speculative.py FILE.gguf [--work DIR] [--types q8_0 f32] [--tokens 32] [--rows 8]

FILE is a GGUF generator; from it are made, in `--work`: the target in each type, and as drafts its q4_0 copy and
copies of a few of its layers (untrained: their guesses are bad, they show what a draft costs). A draft guesses
some tokens, the target computes them in one batch and keeps those that are its own (Leviathan et al., 2023);
`ngram` guesses what followed the same tokens before. One thread, keys and values float32, all configurations in
turns; tokens per CPU second of the process. `differ` counts answers that are not the plain ones: a batch adds in
another order than a single token, so what is near a tie may tip.
"""

import argparse
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
TYPES = {name: getattr(gguf.GGMLQuantizationType, name.upper()) for name in ("f32", "q8_0", "q4_0")}
KINDS = xllamacpp.common_speculative_type


@dataclass
class Guess:
    """How tokens are guessed, and what came of it."""

    name: str
    kind: Any = None
    draft: Path | None = None
    longest: int = 3
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
            draft.cache_type_k = draft.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
            draft.cpuparams.n_threads = draft.cpuparams_batch.n_threads = 1
        return xllamacpp.Server(made)

    def answer(self, server: Any, prompt: str, tokens: int) -> None:
        """One more answer."""
        text = f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
        start = time.process_time()
        asked = {"prompt": text, "max_tokens": tokens, "temperature": 0, "cache_prompt": False}
        said = server.handle_completions(asked)
        self.seconds += time.process_time() - start
        self.tokens += said["usage"]["completion_tokens"]
        self.guessed += said["timings"].get("draft_n", 0)
        self.accepted += said["timings"].get("draft_n_accepted", 0)
        self.answers.append(said["choices"][0]["text"])


def main() -> None:
    """Measure and print."""
    read = argparse.ArgumentParser()
    read.add_argument("file", type=Path)
    read.add_argument("--work", type=Path, default=Path("speculative"))
    read.add_argument("--types", nargs="+", choices=("q8_0", "f32"), default=["q8_0", "f32"])
    read.add_argument("--tokens", type=int, default=32)
    read.add_argument("--rows", type=int, default=len(PROMPTS))
    given = read.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    small = copy(given.file, given.work / "q4_0.gguf", "q4_0")
    few = [copy(given.file, given.work / f"layers-{n}.gguf", "q4_0", layers=n) for n in (4, 12)]
    print("| target | guesses | tokens per CPU second | against none | accepted of guessed | differ |")
    print("|---|---|---|---|---|---|", flush=True)
    for kind in given.types:
        target = copy(given.file, given.work / f"{kind}.gguf", kind)
        simple = KINDS.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE
        guesses = [
            Guess("none"),
            Guess("ngram_simple", KINDS.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE),
            Guess("ngram_map_k", KINDS.COMMON_SPECULATIVE_TYPE_NGRAM_MAP_K),
            *(Guess(f"q4_0 draft, {n} tokens", simple, small, n) for n in (1, 3, 7)),
            *(Guess(f"{one.stem} draft, 3 tokens", simple, one) for one in few),
            Guess("itself, 3 tokens", simple, target),
        ]
        servers = [one.server(target) for one in guesses]
        for prompt in PROMPTS[: given.rows]:
            for one, server in zip(guesses, servers, strict=True):
                one.answer(server, prompt, given.tokens)
        show(kind, guesses)


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
