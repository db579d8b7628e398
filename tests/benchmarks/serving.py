"""The server against the bare runtime loop and `mlflow models serve` of the same release. Prints a table.

    .venv/bin/python tests/benchmarks/serving.py [--store DIR --name NAME] [--quick] [--soak 120]

Without --store a release is built first: a BERT of MiniLM's shape (3 layers of width 384, dynamic int8)
with random weights; what it answers is noise, what it costs is not. The bare loop is the classifier called
from threads that have nothing else to do: with batch 1 at concurrency 1, and beyond that in batches of 1,
2, 4 … up to what the concurrency lets a thread have (at most 32), as one-thread calls side by side and
as one call on all threads; the limit is the best of them. MLflow gets a worker process for each thread that
slmworks gets. The load comes from another process, over kept connections; what it takes of the cores is
shown, because the bare loop doesn't have to share with it. Ratios are of one run; run it on an idle machine.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from slmworks.contract.model_task import Row
from slmworks.machine.cores import usable_cores
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import Store, open_store

sys.path.insert(0, str(Path(__file__).parent.parent))

CONCURRENCY = (1, 8, 64)
BY = {"who": "benchmark", "how": "claimed: a benchmark", "why": "to measure it"}
SENTENCE = "the screen is gorgeous but battery died after two days and I am not happy with it at all"
WORDS = SENTENCE.split()
TEXTS = [" ".join(WORDS[(3 * i + j) % len(WORDS)] for j in range(5 + i % 13)) for i in range(256)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store")
    parser.add_argument("--name", default="reviews")
    parser.add_argument("--quick", action="store_true", help="two seconds a cell instead of ten")
    parser.add_argument("--soak", type=float, default=0, help="seconds of load with a switch in the middle")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.load:
        port, kind, concurrency, seconds = asked.load
        print(json.dumps(asyncio.run(load(int(port), kind, int(concurrency), float(seconds)))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        store = open_store(asked.store or str(Path(scratch) / "store"))
        if not asked.store:
            build(store, asked.name, Path(scratch))
        compare(store, asked.name, asked.threads, 2.0 if asked.quick else 10.0)
        if asked.soak:
            own = store
            if asked.store:  # two versions are needed, and somebody's registry is not ours to write to
                own = open_store(str(Path(scratch) / "soak"))
                build(own, asked.name, Path(scratch))
            soak(own, asked.name, asked.threads, asked.soak)


def build(store: Store, name: str, scratch: Path) -> None:
    """Register two versions of a model of MiniLM's shape, and approve the first."""
    from transformers import BertConfig, BertForSequenceClassification

    import torch
    from conftest import write_tokenizer
    from releases import register
    from slmworks.contract.artifact import Model
    from slmworks.testing import Bench, sealed
    from slmworks_onnx.dynamic import OnnxDynamic
    from slmworks_onnx.export import ExportOnnx

    labels = ["negative", "neutral", "positive"]
    shape = {"hidden_size": 384, "num_hidden_layers": 3, "num_attention_heads": 12, "intermediate_size": 1536}
    for seed in (1, 2):
        folder = scratch / f"model{seed}"
        folder.mkdir()
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=write_tokenizer(folder),
            num_labels=3,
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
            **shape,
        )
        BertForSequenceClassification(config).save_pretrained(folder)
        meta = {"task": "classification", "labels": labels, "max_length": 64, "parameters": 1}
        model = sealed(Model(path=folder, format="hf", meta=meta))
        place = scratch / f"bench{seed}"
        place.mkdir()
        bench = Bench(place)
        exported = bench.keep(ExportOnnx().run(model=model, task=bench.task("export")))
        small = OnnxDynamic().run(model=exported, calibration=None, task=bench.task("quantize"))
        register(store, bench.keep(small), name=name)
    Registry(store).approve(name, 1, **BY)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Cell:
    """What one contender did at one concurrency."""

    rate: float
    """Texts a second."""
    p50: float = 0.0
    p99: float = 0.0
    """Milliseconds."""
    failed: int = 0
    client: float = 0.0
    """Cores that the load generator took."""


def compare(store: Store, name: str, threads: int, seconds: float) -> None:
    """The table: bare loop, server and MLflow, at every concurrency."""
    approved = approved_release(Registry(store), name)
    model = approved.folder / "model"
    print(f"{name} v{approved.entry.version}, {threads} threads, {seconds:g} s a cell")
    print(
        f"{'':<26}{'at':>4}{'texts/s':>9}{'p50 ms':>8}{'p99 ms':>8}{'failed':>7}{'client':>8}{'MiB':>6}  of bare"
    )
    bare: dict[int, float] = {}
    for at in CONCURRENCY:
        for what, found in bare_loop(model, threads, at, seconds).items():
            bare[at] = max(bare.get(at, 0), found)
            row(f"bare, {what}", at, Cell(found), "", "")
    ours: dict[int, float] = {}
    with serving(store, name, threads) as (port, process):
        for at in CONCURRENCY:
            cell = loaded(port, "slmworks", at, seconds)
            ours[at] = cell.rate
            row(
                f"slmworks --threads {threads}",
                at,
                cell,
                memory(process),
                f"{cell.rate / bare[at]:.2f} (goal 0.9)",
            )
    with mlflow(approved.folder, threads) as (port, process):
        for at in CONCURRENCY:
            cell = loaded(port, "mlflow", at, seconds)
            row(f"mlflow --workers {threads}", at, cell, memory(process), f"{cell.rate / bare[at]:.2f}")
    goal = " (goal 5)" if at == CONCURRENCY[-1] else ""
    print(f"slmworks / mlflow at {at}: {ours[at] / cell.rate:.1f}x{goal}")


def row(what: str, at: int, cell: Cell, mib: str, ratio: str) -> None:
    """One line of the table."""
    times = f"{cell.p50:>8.1f}{cell.p99:>8.1f}{cell.failed:>7}{cell.client:>8.2f}" if cell.p50 else " " * 31
    print(f"{what:<26}{at:>4}{cell.rate:>9.0f}{times}{mib:>6}  {ratio}", flush=True)


def bare_loop(model: Path, threads: int, at: int, seconds: float) -> dict[str, float]:
    """Policy and best batch -> texts a second of the classifier, called in loops with the texts at hand."""
    from slmworks.model_tasks.text_classification.onnx import OnnxClassifier

    alone, together = OnnxClassifier(model, 1), OnnxClassifier(model, threads)
    callers = min(threads, at)
    found = {}
    for what, answer, count in (
        ("1 thread", alone.answer, callers),
        (f"{threads} threads", together.answer, 1),
    ):
        most = min(32, max(1, at // count))
        rates = {1 << n: loop(answer, count, 1 << n, seconds / 4) for n in range(most.bit_length())}
        best = max(rates, key=lambda size: rates[size])
        found[f"{count} x {what}, {best}"] = rates[best]
    return found


def loop(answer: Callable[[Sequence[Row]], object], callers: int, batch: int, seconds: float) -> float:
    """Texts a second of `callers` threads that call for `seconds`."""
    counts, begun = [0] * callers, time.perf_counter()

    def call(me: int) -> None:
        at = me * batch
        while time.perf_counter() - begun < seconds:
            answer([{"text": TEXTS[(at + i) % len(TEXTS)]} for i in range(batch)])
            at += batch * callers
            counts[me] += batch

    crew = [threading.Thread(target=call, args=(me,)) for me in range(callers)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    return sum(counts) / (time.perf_counter() - begun)


def loaded(port: int, kind: str, at: int, seconds: float) -> Cell:
    """Load a server from another process, a second of it as warm-up."""
    for length in (1.0, seconds):
        words = [sys.executable, __file__, "--load", str(port), kind, str(at), str(length)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    return Cell(**json.loads(done.stdout))


async def load(port: int, kind: str, at: int, seconds: float) -> dict[str, float]:
    """Keep `at` connections busy with one text each; what came of it."""
    requests = [request(kind, text) for text in TEXTS]
    times: list[float] = []
    failed = 0
    over = time.perf_counter() + seconds

    async def client(me: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = me
        while time.perf_counter() < over:
            begun = time.perf_counter()
            writer.write(requests[number % len(requests)])
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                failed += not head.startswith(b"HTTP/1.1 200")
            except (OSError, asyncio.IncompleteReadError, IndexError):
                failed += 1
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            times.append(time.perf_counter() - begun)
            number += at
        writer.close()

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(me) for me in range(at)))
    wall = time.perf_counter() - begun
    times.sort()
    return {
        "rate": (len(times) - failed) / wall,
        "p50": 1e3 * times[len(times) // 2],
        "p99": 1e3 * times[len(times) * 99 // 100],
        "failed": failed,
        "client": (time.process_time() - cpu) / wall,
    }


def request(kind: str, text: str) -> bytes:
    """One text as a request, byte by byte."""
    path: str = "/classify"
    what: dict[str, object] = {"text": text}
    if kind == "mlflow":
        path, what = "/invocations", {"dataframe_split": {"columns": ["text"], "data": [[text]]}}
    body = json.dumps(what).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def serving(store: Store, name: str, threads: int) -> Iterator[tuple[int, psutil.Process]]:
    """`slmworks serve` on a free port."""
    port = free_port()
    words = ["serve", name, "--port", str(port), "--store", store.url.removeprefix("file://")]
    with started([sys.executable, "-m", "slmworks", *words, "--threads", str(threads)], port, "/ready") as it:
        yield port, it


@contextlib.contextmanager
def mlflow(release: Path, workers: int) -> Iterator[tuple[int, psutil.Process]]:
    """`mlflow models serve` of the same folder, in this environment."""
    port = free_port()
    words = ["models", "serve", "--model-uri", str(release), "--env-manager", "local", "--port", str(port)]
    words += ["--workers", str(workers)]
    with started([sys.executable, "-m", "mlflow", *words], port, "/ping") as it:
        yield port, it


@contextlib.contextmanager
def started(command: list[str], port: int, ready: str) -> Iterator[psutil.Process]:
    """A server process that is ready; it and its children are gone afterwards."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = psutil.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        limit = time.monotonic() + 90
        while True:
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"did not start: {' '.join(command)}")
            with contextlib.suppress(OSError), opener.open(f"http://127.0.0.1:{port}{ready}", timeout=5):
                break
            time.sleep(0.2)
        settle(process)
        yield process
    finally:
        family = [*process.children(recursive=True), process]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.terminate()
        psutil.wait_procs(family, 15)


def settle(process: psutil.Process) -> None:
    """Wait until a server and its children have started: the first worker that answers is not the last."""
    taken, before = 0.0, -1.0
    while taken - before > 0.05:
        time.sleep(1)
        family = [process, *process.children(recursive=True)]
        taken, before = sum(sum(one.cpu_times()[:2]) for one in family), taken


def memory(process: psutil.Process) -> str:
    """Resident MiB of a process and its children."""
    family = [process, *process.children(recursive=True)]
    return f"{sum(one.memory_info().rss for one in family) / 2**20:.0f}"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def soak(store: Store, name: str, threads: int, seconds: float) -> None:
    """Load for `seconds`; approve version 2 in the middle, roll back at three quarters; print memory."""
    registry = Registry(store)
    marks = {0.05: "", 0.25: "", 0.5: "approve", 0.55: "", 0.75: "rollback", 0.8: "", 0.98: ""}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with serving(store, name, threads) as (port, process):
        words = [sys.executable, __file__, "--load", str(port), "slmworks", "8", str(seconds)]
        begun = time.monotonic()
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as client:
            for mark, action in marks.items():
                time.sleep(max(0.0, begun + mark * seconds - time.monotonic()))
                with opener.open(f"http://127.0.0.1:{port}/ready", timeout=10) as reply:
                    version = json.load(reply)["version"]
                print(
                    f"soak {mark * seconds:>5.0f} s: {memory(process)} MiB, v{version} {action}", flush=True
                )
                if action == "approve":
                    registry.approve(name, 2, **BY)  # type: ignore[arg-type]
                elif action == "rollback":
                    registry.rollback(name, **BY)
            found = Cell(**json.loads(client.communicate()[0]))
    print(f"soak: {found.rate:.0f} texts/s, p99 {found.p99:.1f} ms, {found.failed} failed requests")


if __name__ == "__main__":
    main()
