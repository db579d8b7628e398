"""What it costs to compile a sweep for Kubeflow: seconds, and the size of the file.

    python tests/benchmarks/compiling.py [BRANCHES …]

The recipe is a line with a swept step and one that measures each branch, so n branches are 2n + 6 tasks. The size
as JSON without spaces is what Kubeflow's server keeps; `in a Workflow` is an estimate of what it writes into the
cluster's etcd (each component and each executor once, as JSON text in a parameter), which takes 1.5 MB.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "toy"))

from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.pipeline import compile_plan
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

RECIPE = """\
name: sweep
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}}
  quantize: {uses: toy, from: {model: teacher, calibration: curate}, sweep: [BRANCHES]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
"""
ENGINE = """\
images: registry.example/slmworks
families: {slmworks-toy: {image: "registry.example/toy:1"}}
defaults: {cpu: 2, memory: 4Gi, retries: 2, timeout: 4h}
secrets: {AWS_SECRET_ACCESS_KEY: {secret: store, key: secret-key}, AWS_ACCESS_KEY_ID: {secret: store, key: key-id}}
"""


def main() -> None:
    """Print one line a size."""
    import kfp  # noqa: F401 - its import is not what is measured

    print(
        f"{'branches':>8} {'tasks':>6} {'plan s':>7} {'compile s':>10} {'YAML kB':>8} {'JSON kB':>8} {'in a Workflow kB':>17}"
    )
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        base.mkdir()
        for name in ("config.json", "model.safetensors"):
            (base / name).write_text("{}")
        (Path(folder) / "train.csv").write_text("rows")
        for branches in [int(word) for word in sys.argv[1:]] or [2, 20, 50, 97, 150]:
            print(row(branches, Path(folder)))


def row(branches: int, folder: Path) -> str:
    """Compile a sweep of so many branches."""
    variants = ", ".join(f"{{with: {{bits: {bits}}}}}" for bits in range(1, branches + 1))
    started = time.perf_counter()
    planned = plan(Recipe.parse(RECIPE.replace("BRANCHES", variants), folder=folder))
    lowered = time.perf_counter()
    text = compile_plan(planned, EngineFile.parse(ENGINE), "s3://works/store", planned.pinned(None)).first
    ended = time.perf_counter()
    documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    whole = len(json.dumps(documents, separators=(",", ":")))
    spec, platform = documents
    parts = [*spec["components"].values(), *spec["deploymentSpec"]["executors"].values(), spec["root"]]
    parts += platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    once = {json.dumps(part, separators=(",", ":"), sort_keys=True) for part in parts}
    workflow = sum(len(json.dumps(part)) for part in once)
    return (
        f"{branches:>8} {len(planned):>6} {lowered - started:>7.2f} {ended - lowered:>10.2f} {len(text) / 1e3:>8,.0f} "
        f"{whole / 1e3:>8,.0f} {workflow / 1e3:>17,.0f}"
    )


if __name__ == "__main__":
    main()
