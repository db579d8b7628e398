"""`slmworks predict` beside the bare runtime loop over the same rows in memory, and its memory by length.

    .venv/bin/python tests/benchmarks/predicting.py [--rows 100000 1000000] [--threads 2] [--loop-rows 50000]

The model is that of `serving.py` (a BERT of three layers of width 384, dynamic int8, random weights), or with
`--words` one that sums a row of weights a word: what it computes is next to nothing, so what is left is
reading, sorting and writing. The loop answers batches of 32, as they come out sorted by length, with as many
threads; it reads and writes nothing. Each file is answered in a process of its own, whose peak memory (RSS)
and rows a CPU second are shown. The loop runs before and after, and is given as the better of the two.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).parents[1]
WORDS = [
    "good",
    "bad",
    "plain",
    "awful",
    "again",
    "the",
    "a",
    "screen",
    "battery",
    "of",
    "it",
    "is",
    "was",
    "very",
    "not",
]


def main() -> None:
    """Build, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--loop-rows", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--words", action="store_true", help="the model that counts words")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _loop(given)
        return
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        _build(place, words=given.words)
        print(f"{'':>12} {'rows/s':>9} {'rows/CPU-s':>11} {'peak MB':>8}")
        loops = [_bare(place, given)]
        for rows in given.rows:
            _write(place / "in.csv", rows)
            _shown(f"{rows:,}", rows, *_command(place, given.threads))
        loops.append(_bare(place, given))
        seconds, cpu, peak = min(loops)
        _shown("bare loop", given.loop_rows, seconds, cpu, peak)


def _shown(name: str, rows: int, seconds: float, cpu: float, peak: float) -> None:
    print(f"{name:>12} {rows / seconds:>9,.0f} {rows / cpu:>11,.0f} {peak:>8,.0f}", flush=True)


def _build(place: Path, *, words: bool) -> None:
    sys.path[:0] = [str(TESTS), str(TESTS / "torch")]
    from serving import build

    from releases import approve, register, word_counter
    from slmworks.store import open_store

    store = open_store(str(place / "store"))
    if not words:
        build(store, "reviews", place)
        return
    register(store, word_counter(place / "model"))
    approve(store)


def _write(path: Path, rows: int) -> None:
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text\n")
        for number in range(rows):
            file.write(f"{number},{' '.join(draw.choices(WORDS, k=draw.randint(4, 24)))}\n")


def _command(place: Path, threads: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds and MB of the command, its start apart: what it says it took."""
    words = ["predict", "reviews", place / "in.csv", "-o", place / "out.csv", "--overwrite"]
    words += ["--store", place / "store", "--threads", threads]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = "import resource,sys; from slmworks.cli.main import main\ntry: main(sys.argv[1:])\nfinally:\n"
    run += " print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", run, *map(str, words)], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    *_, line, peak = done.stdout.split("\n")[:-1]
    seconds = float(line.rpartition("· ")[2].partition(" s,")[0])
    return seconds, cpu, int(peak) / 1000


def _bare(place: Path, given: argparse.Namespace) -> tuple[float, float, float]:
    words = ["--child", str(place), "--loop-rows", str(given.loop_rows), "--threads", str(given.threads)]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
    seconds, cpu, peak = json.loads(done.stdout)
    return seconds, cpu, peak


def _loop(given: argparse.Namespace) -> None:
    """In a process of its own: the runtime, called with batches that are there already."""
    from slmworks.contract.artifact import Model
    from slmworks.contract.runtime import length, length_batches, open_runtime
    from slmworks.machine.process import adopt_environment
    from slmworks.registry.log import Registry
    from slmworks.registry.release import approved_release
    from slmworks.store import open_store

    adopt_environment(1)
    approved = approved_release(Registry(open_store(f"{given.child}/store")), "reviews")
    model = Model.open(approved.folder / "model")
    assert isinstance(model, Model)
    runtime = open_runtime(model, threads=1)
    draw = random.Random(0)
    rows = [{"text": " ".join(draw.choices(WORDS, k=draw.randint(4, 24)))} for _ in range(given.loop_rows)]
    order = list(length_batches([length(row) for row in rows], 32))
    batches = [[rows[number] for number in batch] for batch in order]
    runtime.answer(batches[0])
    begun, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(given.threads) as pool:
        list(pool.map(runtime.answer, batches))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps([time.perf_counter() - begun, time.process_time() - cpu, peak]))


if __name__ == "__main__":
    main()
