"""Curation on Spark beside one process: equal bytes, time, CPU and memory of all processes. Prints a table.

    .venv/bin/python tests/benchmarks/curation_spark.py [--rows 200000] [--masters - local-cluster[1,1,1500] …]

The rows and steps are those of `curation.py`, with two row operators more. `-` is one process without Spark. A
row is measured in a process of its own. `start` is the time until the first rows are cleaned. On a machine with
other load read CPU seconds; on one with few cores workers take them from the driver and from each other.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "spark"))

from curation import rows
from spread import curated

OPTIONS: dict[str, Any] = {
    "near_duplicates": 0.8,
    "redact": ["email", "ip"],
    "operators": [{"length": {"min_words": 3}}, {"secrets": {}}],
}
EVERY = 2.0
"""Seconds between two looks at the processes."""


class Watched(threading.Thread):
    """CPU and memory of this process and of all that it starts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.me = psutil.Process()
        self.spent: dict[int, float] = {}
        self.peak = 0
        self.cost = 0.0
        """CPU seconds of looking itself, which are none of the curation's."""
        self.done = threading.Event()

    def run(self) -> None:
        """Look until told to end."""
        while not self.done.wait(EVERY):
            self.look()
            self.cost = time.thread_time()

    def look(self) -> None:
        """Look once."""
        memory = 0
        for one in (self.me, *self.me.children(recursive=True)):
            try:
                times, found = one.cpu_times(), one.memory_full_info()
            except psutil.Error:
                continue
            self.spent[one.pid] = times.user + times.system
            memory += found.pss
        self.peak = max(self.peak, memory)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument(
        "--masters", nargs="+", default=["-", "local-cluster[1,1,1500]", "local-cluster[2,1,1500]"]
    )
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        print(json.dumps(measured(asked.work, asked.masters[0])))
        return
    head = f"{'':<26}{'wall s':>8}{'start':>7}{'driver':>8}{'others':>8}{'CPU-s':>8}{'peak MB':>9}  digest"
    print(f"{asked.rows:,} rows\n{head}")
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name) / "raw"
        (raw / "all").mkdir(parents=True)
        with (raw / "all" / "rows.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows(asked.rows))
        worked = {}
        for master in asked.masters:
            command = [sys.executable, __file__, "--work", str(raw), "--masters", master]
            ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(ended.stdout.splitlines()[-1])
            worked[master] = found["wall"] - found["start"]
            print(
                f"{master:<26}{found['wall']:>8.1f}{found['start']:>7.1f}{found['driver']:>8.1f}{found['others']:>8.1f}"
                f"{found['driver'] + found['others']:>8.1f}{found['peak']:>9,.0f}  {found['digest'][:12]}",
                flush=True,
            )
    one, two = (worked.get(f"local-cluster[{count},1,1500]") for count in (1, 2))
    if one and two:
        print(f"two workers against one, without the start: {one / two:.2f}x")


def measured(raw: Path, master: str) -> dict[str, Any]:
    """One curation."""
    began, first = time.perf_counter(), 0.0

    def listen(event: dict[str, Any]) -> None:
        nonlocal first
        first = first or (
            time.perf_counter() - began if event["event"] == "progress" and event["done"] else 0.0
        )

    watch = Watched()
    watch.start()
    settings = None if master == "-" else {"engine": "spark", "master": master}
    digest = curated(raw, OPTIONS, settings, listen)
    wall = time.perf_counter() - began
    watch.done.set()
    watch.join()
    mine = sum(psutil.Process().cpu_times()[:2]) - watch.cost
    others = sum(watch.spent.values()) - watch.spent.get(watch.me.pid, 0.0)
    return {
        "wall": wall, "start": first, "driver": mine, "others": others, "peak": watch.peak / 1e6, "digest": digest,
    }  # fmt: skip


if __name__ == "__main__":
    main()
