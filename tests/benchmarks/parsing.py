"""What it costs Airflow to parse a dags folder of many recipes: seconds over importing what a DAG needs of
`airflow.sdk`, which loads it when it is first named.

    .venv-airflow/bin/python tests/benchmarks/parsing.py [RECIPES …]

Each file is parsed in a fork of a process that has imported `airflow.sdk`, as Airflow's DAG processor does it. The
recipe is the first one, with a name of its own in each copy; a file renders both of its DAGs.
"""

import json
import os
import runpy
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "mlflow", "kfp", "numpy", "pyarrow", "onnxruntime", "kubernetes")
FILE = """\
from pathlib import Path
from typing import Any

from slmworks.engines.airflow import deploy, render

RECIPE = Path(__file__).with_suffix(".yaml")
dag = render(RECIPE)
deploy_dag = deploy(RECIPE, dag_id=f"deploy-{RECIPE.stem}")
"""


def main() -> None:
    """Print one line a size."""
    started = time.perf_counter()
    from airflow.sdk import DAG, Asset, BaseOperator, Param, TaskGroup  # noqa: F401

    print(f"importing airflow.sdk: {time.perf_counter() - started:.2f} s")
    print(
        f"{'recipes':>8} {'DAGs':>6} {'median s':>9} {'slowest s':>10} {'all, one after the other, s':>28}  imported"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "engine.yaml").write_text(f"store: {folder / 'store'}\n")
        os.environ["SLMWORKS_ENGINE_FILE"] = str(folder / "engine.yaml")
        text = (ROOT / "pipelines/first-run.yaml").read_text(encoding="utf-8")
        for count in [int(word) for word in sys.argv[1:]] or [1, 50]:
            for number in range(count):
                stem = f"line-{number:03}"
                (folder / f"{stem}.yaml").write_text(text.replace("name: first-run", f"name: {stem}", 1))
                (folder / f"{stem}.py").write_text(FILE)
            started = time.perf_counter()
            took = [parsed(folder / f"line-{number:03}.py") for number in range(count)]
            total = time.perf_counter() - started
            seconds = [one["seconds"] for one in took]
            dags, heavy = (
                sum(one["dags"] for one in took),
                sorted({name for one in took for name in one["heavy"]}),
            )
            print(
                f"{count:>8} {dags:>6} {statistics.median(seconds):>9.3f} {max(seconds):>10.3f} {total:>28.1f}"
                f"  {', '.join(heavy) or 'nothing heavy'}"
            )


def parsed(path: Path) -> dict[str, Any]:
    """Seconds, DAGs and heavy imports of one file, in a process of its own."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        from airflow.sdk import DAG

        before = set(sys.modules)
        started = time.perf_counter()
        found = runpy.run_path(str(path))
        seconds = time.perf_counter() - started
        said = {
            "seconds": seconds,
            "dags": sum(isinstance(one, DAG) for one in found.values()),
            "heavy": [name for name in HEAVY if name in set(sys.modules) - before],
        }
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = json.load(pipe)
    os.wait()
    return dict(said)


if __name__ == "__main__":
    main()
