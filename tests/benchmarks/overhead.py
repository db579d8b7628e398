"""What slmworks itself costs: start, import, plan, a trivial task, a cached line. Prints a table.

    .venv/bin/python tests/benchmarks/overhead.py

Times are seconds of wall clock, the best of several; run it on an idle machine.
"""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slmworks.recipe.plan import Plan

TOY = Path(__file__).parent.parent / "toy"
sys.path.insert(0, str(TOY))

SWEEP = """\
name: sweep
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  many: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, sweep: [VARIANTS]}
  evaluate: {uses: toy, from: {model: many, data: curate}}
"""


def main() -> None:
    """Measure and print."""
    python = [sys.executable]
    env = {**os.environ, "PYTHONPATH": str(TOY)}

    def command(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run([*python, *words], env=env, check=True, capture_output=True)

    rows = [
        ("python -c pass", best(command("-c", "pass")), None),
        ("import slmworks", best(command("-c", "import slmworks")), 0.15),
        ("slmworks --help", best(command("-m", "slmworks", "--help")), 0.3),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "base").mkdir()
        for file in ("train.csv", "base/config.json", "base/model.safetensors"):
            (folder / file).write_text("{}")
        rows.append(("plan of a sweep of 1,000 tasks", best(lambda: plan(folder, 500)), 1.0))
        first, count = run(folder, 4)
        rows.append((f"a trivial task, of {count} run one by one", first / count, 0.3))
        again = min(run(folder, 4)[0] for _ in range(3))
        rows.append((f"the same {count} tasks, cached", again, 3.0))
    print(f"{'what':<45}{'seconds':>9}{'limit':>8}")
    for what, seconds, limit in rows:
        print(f"{what:<45}{seconds:>9.3f}{'' if limit is None else f'{limit:.2f}':>8}")


def best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of several goes."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def recipe(folder: Path, variants: int) -> "Plan":
    """A plan with `variants` swept trainings and as many evaluations."""
    from slmworks.recipe.lower import plan as lower
    from slmworks.recipe.recipe import Recipe

    swept = ", ".join(f"{{with: {{rate: {(i + 1) / 2000}}}}}" for i in range(variants))
    return lower(Recipe.parse(SWEEP.replace("VARIANTS", swept), folder=folder))


def plan(folder: Path, variants: int) -> None:
    """Read and lower the recipe."""
    recipe(folder, variants)


def run(folder: Path, variants: int) -> tuple[float, int]:
    """Run the recipe on one core; (seconds, tasks)."""
    from slmworks.cli.display import Plain
    from slmworks.engines.local import Run
    from slmworks.store import open_store

    os.environ["PYTHONPATH"] = str(TOY)
    planned = recipe(folder, variants)
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        Run(planned, open_store(str(folder / "store")), 1, Plain()).execute()
    return time.perf_counter() - begun, len(planned)


if __name__ == "__main__":
    main()
