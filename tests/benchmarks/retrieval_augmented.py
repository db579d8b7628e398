"""Nothing, examples, passages or training: which answers questions about manuals, and at which cost?

    python tests/benchmarks/retrieval_augmented.py FOLDER [--machines 12] [--recipe manuals.yaml]

FOLDER gets a set (manuals/manuals.py), the recipe (manuals/manuals.yaml), and a store: a second call goes on where the
first one ended. Answers are judged exactly, on all test questions, on those about machines that training rows speak of,
and on those about new ones; intervals are Wilson's, 95 %. Seconds are of processor time: of an answer, loading the model
included (with one thread of an idle machine that is the time of the answer, too), and of all training before it. AUROC
is how well the score of a model with a threshold (export/scope) tells right answers from wrong ones.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from slmworks.store import open_store

HERE = Path(__file__).resolve().parent / "manuals"


def main() -> None:
    """Make the set, run the recipe, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--machines", type=int, default=12)
    parser.add_argument("--recipe", type=Path, default=HERE / "manuals.yaml")
    asked = parser.parse_args()
    folder = asked.folder.resolve()
    made = [sys.executable, str(HERE / "manuals.py"), str(folder), "--machines", str(asked.machines)]
    subprocess.run(made, check=True)
    shutil.copyfile(asked.recipe, folder / "manuals.yaml")
    words = ["run", "manuals.yaml", "--tracking", "none", "--store", "store"]
    subprocess.run([sys.executable, "-m", "slmworks", *words], cwd=folder, check=True)
    heads = (
        "",
        "all",
        "known machines",
        "new machines",
        "CPU s an answer",
        "CPU s of training",
        "MB",
        "AUROC",
    )
    print(f"\n| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for line in sorted(lines(folder)):
        print(line)


def lines(folder: Path) -> list[str]:
    """A line of the table for each report of the last run."""
    store = open_store(str(folder / "store"))
    run = max((folder / "store" / "runs").iterdir())
    records = [json.loads(path.read_text()) for path in run.glob("*.json") if path.name != "run.json"]
    made = {record["manifest"]["digest"]: record for record in records if record.get("manifest")}
    return [line(store, record, made, folder) for record in records if record["stage"] == "evaluate"]


def line(store: Any, record: dict[str, Any], made: dict[str, Any], folder: Path) -> str:
    """A report as a line: exact match of all, known and new machines, with intervals; what it took."""
    import csv

    import pyarrow.parquet as pq

    with (folder / "data" / "test.csv").open(encoding="utf-8", newline="") as file:
        kinds = {row["question"]: row["known"] for row in csv.DictReader(file)}
    manifest = record["manifest"]
    data = pq.read_table(store.folder(manifest["refs"]["data"]) / "test.parquet").to_pylist()
    kind = {row["id"]: kinds[row["messages"][-1]["content"]] for row in data}
    report = store.folder(manifest["digest"])
    rows = pq.read_table(report / "predictions.parquet").to_pylist()
    right = [(kind[row["id"]], row["counts.exact_match"][0]) for row in rows if row["split"] == "test"]
    shares = [
        share([hit for of, hit in right if of in wanted]) for wanted in (("old", "new"), ("old",), ("new",))
    ]
    said = json.loads((report / "report.json").read_text())
    size, measures = said["model"]["bytes"] / 1e6, said["splits"]["test"]["measures"]
    found = measures.get("wrong_answer_auroc")
    auroc = f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})" if found else "—"
    each = manifest["cpu_seconds"] / len(right)
    cells = [*shares, f"{each:.2f}", f"{trained(record, made):.0f}", f"{size:.0f}", auroc]
    return f"| {record['task'].removeprefix('of_')} | {' | '.join(cells)} |"


def share(hits: list[float]) -> str:
    """A share with its Wilson interval."""
    if not hits:
        return "—"
    n, p, z = len(hits), sum(hits) / len(hits), 1.96
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{p:.3f} ({max(low, 0):.3f} to {min(high, 1):.3f}), n = {n}"


def trained(record: dict[str, Any], made: dict[str, Any]) -> float:
    """Processor seconds of all finetune steps that a report's model came through."""
    waiting, seen, seconds = list(record["inputs"]["model"]), set(), 0.0
    while waiting:
        digest = waiting.pop()
        if digest in seen or digest not in made:
            continue
        seen.add(digest)
        found = made[digest]
        seconds += found["manifest"]["cpu_seconds"] if found["stage"] == "finetune" else 0.0
        waiting += found.get("inputs", {}).get("model", [])
    return seconds


if __name__ == "__main__":
    main()
