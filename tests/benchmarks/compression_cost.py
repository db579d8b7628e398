"""What pruning and factorizing a generator cost: CPU time, and memory beside the size of its weights.

    .venv/bin/python tests/benchmarks/compression_cost.py FOLDER [--rows 128] [--steps layers,svd]

FOLDER is a causal language model as `export/hf` writes it (SmolLM2-135M-Instruct, docs/generation.md). Each step is a
process of its own, with `--rows` short conversations of `train` and a quarter of that of `validation`. The peak is the
process's resident memory at its highest, libraries (some 0.4 GB) and pages of files that are mapped included; `anon` is
the highest of what is in no file. `times` is the peak beside the weights in float32. CPU seconds are of all threads,
with the time that it takes to import torch and transformers.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = ("layers", "width", "hidden", "magnitude", "wanda", "svd", "whiten")


def main() -> None:
    """Measure each step in a process of its own, and print."""
    asked = _asked()
    if asked.step:
        print(json.dumps(_measured(asked)))
        return
    print(
        f"{'':<10}{'CPU s':>8}{'peak MB':>9}{'times':>7}{'anon MB':>9}{'parameters':>12}{'distance':>10}",
        flush=True,
    )
    for step in asked.steps.split(","):
        command = [sys.executable, __file__, str(asked.folder), "--rows", str(asked.rows), "--step", step]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(ended.stderr)
        one = json.loads(ended.stdout.splitlines()[-1])
        print(
            f"{step:<10}{one['cpu']:>8.1f}{one['peak']:>9.0f}{one['times']:>7.2f}{one['anon']:>9.0f}"
            f"{one['parameters']:>12,}{one['distance']:>10.3f}",
            flush=True,
        )


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--rows", type=int, default=128)
    options.add_argument("--steps", default=",".join(STEPS))
    options.add_argument("--step", help=argparse.SUPPRESS)
    return options.parse_args()


def _measured(asked: argparse.Namespace) -> dict[str, Any]:
    highest = _Highest()
    with tempfile.TemporaryDirectory() as folder:
        made = _run(asked, Path(folder))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss / 1024
    before = made.summary.get("parameters_before")
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": peak,
        "times": peak * 2**20 / (4 * before),
        "anon": highest.anon,
        "parameters": made.summary["parameters"],
        "distance": made.summary["distance"],
    }


def _run(asked: argparse.Namespace, folder: Path) -> Any:
    sys.path.insert(0, str(Path(__file__).parent.parent / "torch"))
    from orders import orders

    from slmworks.contract.artifact import Model
    from slmworks.testing import Bench, sealed

    data = orders(folder / "data", train=asked.rows, validation=asked.rows // 4)
    model = sealed(Model(path=asked.folder, format="hf", meta={"task": "text-generation"}))
    plugin = _plugins(asked.rows)[asked.step]()
    return plugin.run(model=model, data=data, task=Bench(folder).task("run", threads=1))


def _plugins(rows: int) -> dict[str, Callable[[], Any]]:
    from slmworks_torch.compression.prune_layers import PruneLayers
    from slmworks_torch.compression.prune_width import PruneWidth
    from slmworks_torch.compression.svd import SvdFactorize
    from slmworks_torch.compression.unstructured import PruneMagnitude, Wanda

    return {
        "layers": lambda: PruneLayers(rows=rows),
        "width": lambda: PruneWidth(ffn=0.5, heads=6, rows=rows),
        "hidden": lambda: PruneWidth(hidden=0.5, rows=rows),
        "magnitude": lambda: PruneMagnitude(rows=rows),
        "wanda": lambda: Wanda(rows=rows),
        "svd": lambda: SvdFactorize(budget=0.8, rows=rows),
        "whiten": lambda: SvdFactorize(budget=0.8, method="whiten", rows=rows),
    }


class _Highest:
    """The most memory without a file that the process has had, looked at 20 times a second (Linux)."""

    def __init__(self) -> None:
        self.anon = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("RssAnon:"):
                    self.anon = max(self.anon, int(line.split()[1]) / 1024)
            time.sleep(0.05)


if __name__ == "__main__":
    main()
