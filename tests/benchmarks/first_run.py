"""CPU seconds and wall time of every task of a recipe, run in a store of its own.

    .venv/bin/python tests/benchmarks/first_run.py [--recipe pipelines/first-run.yaml] [--cores N] [--runs 1]

A task's process is known by its log, which is its standard output; its CPU time is read from /proc ten times
a second until it ends (Linux). `--runs 2` starts two at once, each in a store of its own. MLflow is left out.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

TICK = 0.1


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        runs = [_start(Path(folder) / str(number), asked) for number in range(asked.runs)]
        spent = _watch(runs)
        wall = time.monotonic() - begun
    if any(run.returncode for run in runs):
        sys.exit(f"exit codes {[run.returncode for run in runs]}")
    print(f"\n{'task':<24} {'CPU s':>8} {'wall s':>8}")
    for name, (cpu, first, last) in sorted(spent.items(), key=lambda entry: entry[1][1]):
        print(f"{name:<24} {cpu:8.1f} {last - first:8.1f}")
    print(f"{'together':<24} {sum(cpu for cpu, _, _ in spent.values()):8.1f} {wall:8.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=Path("pipelines/first-run.yaml"))
    parser.add_argument("--cores", type=int, default=None)
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


def _start(home: Path, asked: argparse.Namespace) -> "subprocess.Popen[bytes]":
    home.mkdir()
    words = [sys.executable, "-m", "slmworks", "run", str(asked.recipe), "--store", str(home / "store")]
    words += ["--tracking", "none"]
    if asked.cores:
        words += ["--cores", str(asked.cores)]
    return subprocess.Popen(words, env={**os.environ, "SLMWORKS_HOME": str(home)})


def _watch(runs: "list[subprocess.Popen[bytes]]") -> dict[str, tuple[float, float, float]]:
    """CPU seconds, first and last moment of each task, and of the engine with its fork server."""
    found: dict[int, tuple[str, float, float, float]] = {}
    while any(run.poll() is None for run in runs):
        now = time.monotonic()
        for number, run in enumerate(runs):
            for process in _family(run.pid):
                try:
                    used = process.cpu_times()
                    name = _task(process)
                    cpu, first = used.user + used.system, found.get(process.pid, ("", 0, now, 0))[2]
                    mark = f"{number}:" if len(runs) > 1 else ""
                    found[process.pid] = (mark + name, cpu, first, now)
                except (psutil.Error, OSError):
                    continue
        time.sleep(TICK)
    joined: dict[str, tuple[float, float, float]] = {}
    for name, cpu, first, last in found.values():
        before = joined.get(name, (0.0, first, last))
        joined[name] = (before[0] + cpu, min(before[1], first), max(before[2], last))
    return joined


def _family(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def _task(process: psutil.Process) -> str:
    """The task whose log is the process's standard output."""
    out = Path(f"/proc/{process.pid}/fd/1").readlink()
    return out.stem if out.suffix == ".log" else "engine"


if __name__ == "__main__":
    main()
