"""How long a search among passages takes on one core, and what memory it takes, beside numpy and an index library.

    python tests/benchmarks/retrieval_speed.py [--passages 100000] [--dimensions 384] [--rounds 300]

Vectors are random; a question is a passage's vector with noise, which that passage must be found for. Texts are random
words, as often as words are in a language (Zipf). On a busy machine look at the processor's time: of one thread, it is
the clock's on an idle one. Each library has a process of its own: what its memory grows by is the
resident set after 20 searches less that of the same process with the library loaded. faiss and usearch run where they
are installed (`pip install faiss-cpu usearch`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

COUNT = 10
WAYS = ("numpy float32", "faiss float32", "usearch int8", "vectors", "vectors + words, fused")


def main() -> None:
    """Measure each way in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(measured(asked.way, asked.folder, asked.rounds)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), asked.passages, asked.dimensions)
        heads = (
            "",
            "p50 ms",
            "p95 ms",
            "CPU p50 ms",
            "CPU p95 ms",
            "found first",
            "memory MB",
            "÷ its vectors",
        )
        print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
        for way in WAYS:
            words = [
                sys.executable,
                __file__,
                "--way",
                way,
                "--folder",
                folder,
                "--rounds",
                str(asked.rounds),
            ]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"| {way} | not run: {done.stderr.strip().splitlines()[-1]} | | | | | | |")
                continue
            said = json.loads(done.stdout)
            size = said["memory"] / (asked.passages * asked.dimensions * (4 if "float32" in way else 1))
            times = " | ".join(f"{said[key]:.2f}" for key in ("p50", "p95", "cpu_p50", "cpu_p95"))
            numbers = f"{times} | {said['found']:.3f} | {said['memory'] / 1e6:.1f}"
            print(f"| {way} | {numbers} | {size:.2f} |", flush=True)


def prepare(folder: Path, count: int, width: int) -> None:
    """Write vectors, questions, and an index of ours."""
    from slmworks_gguf import passages

    chance = np.random.default_rng(0)
    vectors = chance.standard_normal((count, width), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = chance.integers(0, count, 64)
    noise = chance.standard_normal((64, width), np.float32) / np.float32(width**0.5)
    np.save(folder / "floats.npy", vectors)
    np.savez(folder / "questions.npz", vectors=vectors[wanted] + noise, wanted=wanted)
    passages.write_vectors(folder, vectors)
    drawn = np.minimum(chance.zipf(1.3, (count, 80)), 200_000)
    texts = [" ".join(map("w{}".format, row)) for row in drawn.tolist()]
    passages.write_words(folder, texts)
    (folder / "asked.json").write_text(
        json.dumps([" ".join(texts[at].split()[:12]) for at in wanted.tolist()])
    )


def measured(way: str, folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds of a search by the clock and of the processor, how often its passage comes first, bytes."""
    asked = np.load(folder / "questions.npz")
    questions, wanted = asked["vectors"], asked["wanted"]
    loader = loaders()[way]
    loader(folder, warm=True)
    before = psutil.Process().memory_info().rss
    search = loader(folder, warm=False)
    for at in range(20):
        search(at % len(questions), questions[at % len(questions)])
    memory = psutil.Process().memory_info().rss - before
    seconds, spent, right = [], [], 0
    for number in range(rounds):
        at = number % len(questions)
        start, used = time.perf_counter(), time.process_time()
        first = search(at, questions[at])
        seconds.append(time.perf_counter() - start)
        spent.append(time.process_time() - used)
        right += first == wanted[at]
    times = {
        f"{kind}p{share}": float(np.percentile(some, share) * 1000)
        for kind, some in (("", seconds), ("cpu_", spent))
        for share in (50, 95)
    }
    return {**times, "found": right / rounds, "memory": float(memory)}


Search = Callable[[int, Any], int]
"""Number and vector of a question -> the first passage."""


def loaders() -> dict[str, Callable[..., Any]]:
    """Way -> what loads it from a folder; `warm`: only its library."""
    return dict(zip(WAYS, (_numpy, _faiss, _usearch, _vectors, _fused), strict=True))


def _numpy(folder: Path, *, warm: bool) -> Search | None:
    from threadpoolctl import threadpool_limits

    from slmworks.model_tasks.text_generation.retrieval.ranking import best

    threadpool_limits(1)
    if warm:
        return None
    vectors = np.load(folder / "floats.npy")
    return lambda _at, question: best(vectors @ question, COUNT)[0]


def _faiss(folder: Path, *, warm: bool) -> Search | None:
    import faiss

    faiss.omp_set_num_threads(1)
    if warm:
        return None
    vectors = np.load(folder / "floats.npy", mmap_mode="r")
    index = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, len(vectors), 10_000):
        index.add(np.array(vectors[start : start + 10_000]))
    del vectors
    return lambda _at, question: int(index.search(question[None], COUNT)[1][0, 0])


def _usearch(folder: Path, *, warm: bool) -> Search | None:
    from usearch.index import MetricKind, search

    if warm:
        return None
    floats = np.load(folder / "floats.npy", mmap_mode="r")
    vectors = np.empty(floats.shape, np.int8)
    for start in range(0, len(floats), 10_000):
        vectors[start : start + 10_000] = _int8(np.array(floats[start : start + 10_000]))
    del floats

    def find(_at: int, question: Any) -> int:
        found = search(vectors, _int8(question[None])[0], COUNT, MetricKind.Cos, exact=True, threads=1)
        return int(found.keys[0])

    return find


def _a_small_index(folder: Path) -> None:
    """Load what onnxruntime needs for any model: the embedding model's session is there before the index."""
    from slmworks.model_tasks.text_generation.retrieval.vectors import Int8Vectors
    from slmworks_gguf import passages

    small = folder / "small"
    small.mkdir(exist_ok=True)
    passages.write_vectors(small, np.ones((8, 16), np.float32))
    Int8Vectors(small, 1).cosines(np.ones(16, np.float32))


def _int8(vectors: Any) -> Any:
    return np.rint(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)


def _vectors(folder: Path, *, warm: bool) -> Search | None:
    from slmworks.model_tasks.text_generation.retrieval.ranking import best
    from slmworks.model_tasks.text_generation.retrieval.vectors import Int8Vectors

    if warm:
        _a_small_index(folder)
        return None
    vectors = Int8Vectors(folder, 1)
    return lambda _at, question: best(vectors.cosines(question), COUNT)[0]


def _fused(folder: Path, *, warm: bool) -> Search | None:
    from slmworks.model_tasks.text_generation.retrieval.bm25 import LexicalIndex
    from slmworks.model_tasks.text_generation.retrieval.index import RANKED
    from slmworks.model_tasks.text_generation.retrieval.ranking import best, reciprocal_rank_fusion
    from slmworks.model_tasks.text_generation.retrieval.vectors import SCALES, Int8Vectors

    if warm:
        _a_small_index(folder)
        return None
    vectors, words = Int8Vectors(folder, 1), LexicalIndex(folder, len(np.load(folder / SCALES)))
    texts = json.loads((folder / "asked.json").read_text())

    def find(at: int, question: Any) -> int:
        rankings = [best(vectors.cosines(question), RANKED), words.best(texts[at], RANKED)]
        return reciprocal_rank_fusion(rankings)[0][0]

    return find


if __name__ == "__main__":
    main()
