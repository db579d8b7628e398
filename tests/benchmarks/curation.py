"""Curation's cost a row beside datatrove's and data-juicer's, and how it grows with the rows. Prints a table.

    .venv/bin/python tests/benchmarks/curation.py [--rows 10000 100000 1000000] [--threads 1 2]
        [--before PYTHON] [--datatrove PYTHON] [--data-juicer PYTHON]

The steps: read JSON lines, repair (ftfy), redact e-mail and IP addresses, drop near duplicates (MinHash of
word 3-grams, 128 hashes in 16 bands), write. slmworks also compares the candidates exactly, splits by label and
writes a card. The peers' PYTHONs have `datatrove[io,processing] spacy` and `py-data-juicer aiohttp ftfy nltk
regex scipy emoji` installed, and are given at most --peer-rows rows. Rows are made up: Zipf's words, 5 % near
duplicates, 1 % with an e-mail address, 1 % mojibake.
CPU seconds are of a process that does nothing else and of those that it starts, start and imports included;
peak memory is that process's. PYTHON of --before is one of another checkout: its data set must be the same.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

PEERS = ("datatrove", "data-juicer")
WORDS, LABELS = 20_000, 20
NEAR, MAIL, BROKEN = 0.05, 0.01, 0.01
"""Shares of rows that are near an earlier one, hold an address, or were decoded wrongly."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[1],
        help="processes that share the work; ratios are of the first",
    )
    parser.add_argument("--before", help="a Python with another slmworks")
    for peer in PEERS:
        parser.add_argument(f"--{peer}", dest=peer, metavar="PYTHON", help=f"one with {peer}")
    parser.add_argument("--peer-rows", type=int, default=20_000)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        report(lambda: curate(asked.work, asked.threads[0]))
        return
    print(
        f"{'':<11}{'rows':>10}{'CPU-s':>8}{'seconds':>9}{'rows/CPU-s':>12}{'peak MB':>9}{'near':>8}"
        f"{'redacted':>10}"
    )
    peers = {peer: python for peer in PEERS if (python := vars(asked)[peer])}
    for count in sorted({*asked.rows, *([asked.peer_rows] if peers else [])}):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "raw" / "all").mkdir(parents=True)
            with (folder / "raw" / "all" / "rows.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows(count))
            here = [__file__, "--work", str(folder), "--threads"]
            mine, *_ = [
                row(f"slmworks {threads}", count, [sys.executable, *here, str(threads)])
                for threads in asked.threads
            ]
            if asked.before:
                before = row("before", count, [asked.before, *here, "1"])
                print(f"{'':<11}slmworks / before: {mine / before:.1f}x rows a CPU-second")
            for peer, python in peers.items() if count <= asked.peer_rows else ():
                script = Path(__file__).with_name(f"curation_{peer.replace('-', '')}.py")
                theirs = row(peer, count, [python, str(script), str(folder)])
                print(f"{'':<11}slmworks / {peer}: {mine / theirs:.1f}x rows a CPU-second")


def rows(count: int) -> Iterator[dict[str, str]]:
    """Rows of four to thirty words, the same for the same count."""
    chance = np.random.default_rng(0)
    words = np.array([spelt(number) for number in range(WORDS)], dtype=object)
    weights = 1 / np.arange(1, WORDS + 1)
    bounds = np.cumsum(weights / weights.sum())
    long = long_label = ""
    while count > 0:
        size = min(count, 10_000)
        lengths = chance.integers(4, 31, size)
        drawn = words[np.minimum(np.searchsorted(bounds, chance.random(lengths.sum())), WORDS - 1)]
        ends = np.cumsum(lengths)
        kinds, labels = chance.random(size), chance.integers(0, LABELS, size)
        for end, length, what, number in zip(ends, lengths, kinds, labels, strict=True):
            text, label = " ".join(drawn[end - length : end]), f"label {number}"
            if what < NEAR and long:
                text, label = f"{long} {drawn[end - 1]}", long_label
            elif what > 1 - MAIL:
                text += f" write to {drawn[end - 1]}@{drawn[end - 2]}.com"
            elif what > 1 - MAIL - BROKEN:
                text += " caf\u00c3\u00a9 d\u00e2\u20ac\u2122or"
            elif length > 20:  # so long that one word more makes a near duplicate
                long, long_label = text, label
            yield {"text": text, "label": label}
        count -= size


def spelt(number: int) -> str:
    """A pronounceable word for each number."""
    letters = ""
    number += 40
    while number:
        number, rest = divmod(number, 60)
        letters += "bdfgklmnprst"[rest % 12] + "aeiou"[rest // 12]
    return letters


def row(name: str, count: int, command: list[str]) -> float:
    """Run one contender, print its line, and give its rows a CPU-second."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    rate = count / found["cpu"]
    print(
        f"{name:<11}{count:>10,}{found['cpu']:>8.1f}{found['wall']:>9.1f}{rate:>12,.0f}{found['peak']:>9.0f}"
        f"{found['near']:>8,}{found['redacted']:>10,}  {found.get('digest', '')}",
        flush=True,
    )
    return float(rate)


def curate(folder: Path, threads: int) -> dict[str, Any]:
    """Our part: `curate/text` on `folder/raw`."""
    from slmworks.contract.artifact import Files
    from slmworks.testing import Bench, sealed
    from slmworks_text.curate import CurateText

    plugin = CurateText(near_duplicates=0.8, redact=("email", "ip"))
    with tempfile.TemporaryDirectory(dir=folder) as name:
        task = Bench(Path(name)).task("curate", threads=threads)
        made = sealed(plugin.run(data=Files(path=folder / "raw"), task=task))
    near, redacted = made.summary["near_duplicates"], made.summary["redacted"]
    return {"near": near, "redacted": redacted, "digest": made.digest[:15]}


def report(work: Callable[[], dict[str, Any]]) -> None:
    """Do the work and print what it took, as JSON."""
    begun = time.perf_counter()
    found = work()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1000  # ru_maxrss would carry the parent's over
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(json.dumps({**found, "cpu": cpu, "peak": peak, "wall": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
