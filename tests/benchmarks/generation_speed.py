"""Greedy answers of one model: transformers, llama.cpp's types, and prompt lookup. Prints a table.

    .venv/bin/python tests/benchmarks/generation_speed.py FOLDER [--work DIR] [--types f32 q8_0 q4_1 q4_0]

FOLDER is a causal language model that chats, as `export/hf` writes it; its GGUF files are made in `--work` where
they aren't there. A row is a message whose facts the answer repeats as JSON, behind two worked examples, so
that an untuned model too copies names and dates; the examples make the answers longer and more alike than those of
a tuned model, which flatters lookup. Everything has one thread and keys and values in float32. All engines answer row by
row in turns; rates are tokens per CPU second of the process (wall beside it), the prompt and the answer
apart. Prompt lookup (Saxena, 2023; speculative decoding, Leviathan et al., 2023) guesses that what followed
the last tokens earlier follows again, and computes the guess in one batch; `ours` goes to the C API, `server`
is llama.cpp's own (`ngram_simple`). What differs from the same file's plain greedy text is counted.
"""

import argparse
import ctypes
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import HEADER, Artifact, Model
from slmworks.model_tasks.text_generation.hf import HfGenerator
from slmworks.model_tasks.text_generation.prompt import until_end
from slmworks.testing import Bench
from slmworks_gguf import gguf_file, gguf_metadata, llama_cpp

MOST = 64
"""Tokens of an answer at most."""
WINDOW = 1024
NEAR = 0.02
"""Logits this close might change places between a batch and a single token: then the token is computed alone."""
LONGEST, SHORTEST = 4, 2
"""Tokens that must have occurred before, at most and at least, for a guess."""
GUESSES = (1, 3, 7, 15)
"""Lengths of a guess: with the token before it a batch of 2, 4, 8, 16."""

KEPT = ExitStack()
"""What stays open as long as the process."""

ASK = "Write the order as JSON with the fields name, item, date, city and phone."
PEOPLE = ("Maria Gonzalez", "Tom Okafor", "Priya Raman", "Henrik Larsen", "Aiko Watanabe", "Samuel Brown")
ITEMS = (
    "a blue garden hose",
    "two desk lamps",
    "an oak bookshelf",
    "a coffee grinder",
    "three wool blankets",
)
DATES = ("14 March 2025", "2 June 2024", "30 November 2025", "9 January 2026", "21 August 2025")
CITIES = ("Rotterdam", "Cape Town", "Bengaluru", "Gothenburg", "Nagoya", "San Antonio", "Leeds")
PHONES = ("555-0142", "555-0199", "555-0117", "555-0163")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("build/generation_speed"))
    parser.add_argument("--types", nargs="+", default=["f32", "q8_0", "q4_1", "q4_0"])
    parser.add_argument("--rows", type=int, default=12)
    asked = parser.parse_args()
    files = gguf_files(asked.folder, asked.work, asked.types)
    reference = HfGenerator(Model(path=asked.folder, format="hf", meta={}), threads=1)
    prompts = [reference.encode(row) for row in rows(asked.rows)]
    del reference
    with ExitStack() as stack:
        engines = {"transformers fp32": stack.enter_context(process(torch_engine, asked.folder))}
        for kind, file in files.items():
            engines[f"gguf {kind}"] = stack.enter_context(process(plain, file))
            engines[f"gguf {kind}, lookup (ours)"] = stack.enter_context(process(looked_up, file))
            engines[f"gguf {kind}, lookup (server)"] = stack.enter_context(process(served, file))
        table(engines, prompts)


def gguf_files(folder: Path, work: Path, types: Sequence[str]) -> dict[str, Path]:
    """Type -> GGUF file of the folder; made where it isn't there."""
    from slmworks_gguf.export import ExportGguf
    from slmworks_gguf.quantize import QuantizeGguf

    found: dict[str, Path] = {}
    source = Model(path=folder, format="hf", meta={})
    if (folder / HEADER).is_file():
        opened = Artifact.open(folder)
        assert isinstance(opened, Model)
        source = opened
    for kind in dict.fromkeys(["f32", *types]):
        file = work / kind / "output" / "model.gguf"
        if not file.is_file():
            task = Bench(work).task(kind)
            made = (
                ExportGguf().run(model=source, task=task)
                if kind == "f32"
                else QuantizeGguf(type=kind).run(model=source, calibration=None, task=task)
            )
            file = made.path / "model.gguf"
        if kind == "f32":
            source = Model(path=file.parent, format="gguf", meta={})
        if kind in types:
            found[kind] = file
    return found


def rows(count: int) -> list[dict[str, Any]]:
    """Conversations: an instruction, two worked examples, and a message."""
    found = []
    for number in range(count):
        turns = [{"role": "system", "content": ASK}]
        for place in range(3):
            told, wanted = order(7 * number + place)
            turns.append({"role": "user", "content": told})
            if place < 2:
                turns.append({"role": "assistant", "content": wanted})
        found.append({"messages": turns})
    return found


def order(n: int) -> tuple[str, str]:
    """A message and its JSON."""
    name, item = PEOPLE[n % len(PEOPLE)], ITEMS[n % len(ITEMS)]
    date, city, phone = DATES[(n // 2) % len(DATES)], CITIES[n % len(CITIES)], PHONES[n % len(PHONES)]
    said = f"Hello, this is {name} from {city}. I would like {item}, delivered on {date}. Call me at {phone}."
    return (
        said,
        f'{{"name": "{name}", "item": "{item}", "date": "{date}", "city": "{city}", "phone": "{phone}"}}',
    )


@dataclass
class Clock:
    """CPU and wall seconds of the prompt and of the answer, and what was generated."""

    prompt: list[float] = field(default_factory=lambda: [0.0, 0.0])
    answer: list[float] = field(default_factory=lambda: [0.0, 0.0])
    prompt_tokens: int = 0
    tokens: int = 0
    """Behind the first one, which is the prompt's."""
    steps: int = 0
    """Calls of the network behind the prompt's; 0 where that isn't known."""


Engine = Callable[[Sequence[int], Callable[[], None]], tuple[str, int, int]]
"""From a prompt's tokens to the text, its tokens (with the end) and the steps; calls what it is given at the first."""
Asked = Callable[[Sequence[int]], tuple[str, int, int, list[tuple[float, float]]]]
"""From a prompt's tokens to the text, its tokens, the steps, and the clocks before, at the first token and behind."""


@contextmanager
def process(make: Callable[[Path], Engine], path: Path) -> Iterator[Asked]:
    """An engine in a process of its own: libraries and their threads don't meet."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(make, path, theirs), daemon=True)
    child.start()

    def ask(prompt: Sequence[int]) -> tuple[str, int, int, list[tuple[float, float]]]:
        ours.send(list(prompt))
        found: tuple[str, int, int, list[tuple[float, float]]] = ours.recv()
        return found

    try:
        yield ask
    finally:
        child.kill()
        child.join()


def serve(make: Callable[[Path], Engine], path: Path, pipe: Any) -> None:
    """Answer prompts by the clock until the parent ends this process."""
    engine = make(path)
    while True:
        prompt = pipe.recv()
        marks = [now()]
        answer = engine(prompt, lambda: marks.append(now()))  # noqa: B023 - called before the next
        pipe.send((*answer, [*marks, now()]))


def table(engines: dict[str, Asked], prompts: Sequence[Sequence[int]]) -> None:
    """Answer all prompts with all engines in turns, and print; after each row what there is so far."""
    clocks = {name: Clock() for name in engines}
    differ = dict.fromkeys(engines, 0)
    for name, engine in engines.items():
        engine(prompts[0][:32])  # memory, caches
        print(f"warm: {name}", file=sys.stderr, flush=True)
    for number, prompt in enumerate(prompts, 1):
        said = {name: timed(engine, prompt, clocks[name]) for name, engine in engines.items()}
        for name in engines:
            plain_text = said["transformers fp32" if name == "gguf f32" else name.partition(",")[0]]
            differ[name] += said[name] != plain_text
        last = number == len(prompts)
        print(*lines(clocks, differ, number), sep="\n", file=sys.stdout if last else sys.stderr, flush=True)


def lines(clocks: dict[str, Clock], differ: dict[str, int], rows: int) -> list[str]:
    """The table after so many rows."""
    first = clocks["transformers fp32"]
    base = first.tokens / first.answer[0]
    found = [
        "| engine | prompt tok/CPU-s | answer tok/CPU-s | × transformers | tok/s wall | tokens a step | differ |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, clock in clocks.items():
        rate = clock.tokens / clock.answer[0]
        steps = f"{clock.tokens / clock.steps:.2f}" if clock.steps else "–"
        found.append(
            f"| {name} | {clock.prompt_tokens / clock.prompt[0]:.0f} | {rate:.1f} | {rate / base:.2f} "
            f"| {clock.tokens / clock.answer[1]:.1f} | {steps} | {differ[name]} of {rows} |"
        )
    asked, answered = first.prompt_tokens / rows, 1 + first.tokens / rows
    return [
        *found,
        f"{rows} rows, {asked:.0f} tokens of a prompt and {answered:.0f} of an answer on average.",
    ]


def timed(engine: Asked, prompt: Sequence[int], clock: Clock) -> str:
    """Answer one prompt by the clock."""
    text, tokens, steps, marks = engine(prompt)
    for side, (start, end) in enumerate([(marks[0], marks[1]), (marks[1], marks[2])]):
        sums = (clock.prompt, clock.answer)[side]
        sums[:] = [total + after - before for total, before, after in zip(sums, start, end, strict=True)]
    clock.prompt_tokens += len(prompt)
    clock.tokens += tokens - 1
    clock.steps += steps
    return text


def now() -> tuple[float, float]:
    """CPU seconds of this process, and the wall's."""
    return time.process_time(), time.perf_counter()


def torch_engine(folder: Path) -> Engine:
    """`transformers.generate`, greedy, with its cache of keys and values."""
    from transformers.generation.streamers import BaseStreamer

    import torch

    runtime = HfGenerator(Model(path=folder, format="hf", meta={}), threads=1)

    class First(BaseStreamer):  # type: ignore[misc]
        def __init__(self, first: Callable[[], None]) -> None:
            self.first, self.seen = first, 0

        def put(self, value: Any) -> None:
            self.seen += 1  # the prompt comes first
            if self.seen == 2:
                self.first()

        def end(self) -> None:
            pass

    def answer(ids: Sequence[int], first: Callable[[], None]) -> tuple[str, int, int]:
        given = torch.tensor([list(ids)])
        with torch.inference_mode():
            found = runtime.module.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=MOST,
                streamer=First(first),
            )
        tokens = until_end(found[0, len(ids) :].tolist(), runtime.ends)
        return runtime.tokenizer.decode(tokens, skip_special_tokens=True), len(tokens), len(tokens) - 1

    return answer


def llama_of(file: Path) -> tuple[llama_cpp.LlamaCpp, list[int]]:
    """The file in llama.cpp, for as long as the process lives, and the tokens that end an answer."""
    llama = KEPT.enter_context(llama_cpp.opened(file, threads=1, window=WINDOW))
    return llama, gguf_metadata.ends(gguf_file.read(file))


def plain(file: Path) -> Engine:
    """One token after the other."""
    llama, ends = llama_of(file)

    def answer(ids: Sequence[int], first: Callable[[], None]) -> tuple[str, int, int]:
        llama._forget()
        said = [int(llama._compute(ids, 0, skip=len(ids) - 1)[0].argmax())]
        first()
        while said[-1] not in ends and len(said) < MOST:
            said.append(int(llama._compute(said[-1:], len(ids) + len(said) - 1)[0].argmax()))
        return llama.decode(said), len(said), len(said) - 1

    return answer


def looked_up(file: Path) -> Engine:
    """Prompt lookup on the C API: guesses grow while they are right, and shrink when they aren't."""
    llama, ends = llama_of(file)
    library, memory = llama.library, llama.library.llama_get_memory
    library.llama_memory_seq_rm.restype = ctypes.c_bool
    library.llama_memory_seq_rm.argtypes = (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)

    def answer(ids: Sequence[int], first: Callable[[], None]) -> tuple[str, int, int]:
        llama._forget()
        text = [*ids, int(llama._compute(ids, 0, skip=len(ids) - 1)[0].argmax())]
        first()
        steps, size, most = 0, 1, len(ids) + MOST
        while text[-1] not in ends and len(text) < most:
            guess = continued(text, min(GUESSES[size], most - len(text) - 1))
            place = len(text) - 1
            logits = llama._compute([text[-1], *guess], place)
            steps += 1
            right = 0
            for at, row in enumerate(logits):
                found = int(row.argmax())
                if guess and near(row, found):
                    break
                text.append(found)
                if found in ends or at == len(guess) or found != guess[at]:
                    break
                right += 1
            library.llama_memory_seq_rm(memory(llama.context), 0, len(text) - 1, -1)
            if guess and len(text) - 1 == place:  # the very first was near: alone, it counts
                text.append(int(llama._compute(text[-1:], place)[0].argmax()))
                steps += 1
            if guess:
                size = (
                    min(size + 1, len(GUESSES) - 1)
                    if right == len(guess)
                    else max(size - 1, 0)
                    if right == 0
                    else size
                )
        said = text[len(ids) :]
        return llama.decode(said), len(said), steps

    return answer


def near(row: Any, found: int) -> bool:
    """True where another token is about as likely as the found one."""
    best = row[found]
    row[found] = -float("inf")
    return bool(best - row.max() < NEAR)


def continued(text: Sequence[int], count: int) -> list[int]:
    """What followed the last tokens where they occurred last before; nothing if they didn't."""
    for size in range(LONGEST, SHORTEST - 1, -1):
        last = text[-size:]
        for start in range(len(text) - size - 1, -1, -1):
            if text[start : start + size] == last:
                return list(text[start + size : start + size + count])
    return []


def served(file: Path) -> Engine:
    """llama.cpp's server in this process, with its own lookup."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.port, parameters.verbosity = WINDOW, 1, 0, -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    speculative = parameters.speculative
    speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    speculative.ngram_simple.size_n, speculative.ngram_simple.size_m = 3, 7
    server = xllamacpp.Server(parameters)

    def answer(ids: Sequence[int], first: Callable[[], None]) -> tuple[str, int, int]:
        parts: list[dict[str, Any]] = []

        def note(part: dict[str, Any]) -> None:
            if not parts:
                first()
            parts.append(part)

        asked = {
            "prompt": list(ids),
            "n_predict": MOST,
            "temperature": 0,
            "cache_prompt": False,
            "stream": True,
        }
        server.handle_completions(asked, note)
        text = "".join(choice["text"] for part in parts for choice in part["choices"])
        return text, int(parts[-1]["usage"]["completion_tokens"]), 0

    return answer


if __name__ == "__main__":
    main()
