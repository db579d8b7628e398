"""Embedding students beside their teacher, and beside model2vec's own distillation of it. Prints a table.

    .venv/bin/python tests/benchmarks/retrieval.py --data FOLDER [--store STORE] [--cores N] [--peer PYTHON]

FOLDER holds `banking77/` (train.csv, test.csv) and `clinc150/data_full.json`. The retrieval set: every question
of both sets; its document is its intent's name with one training question. PYTHON has `model2vec[distill]`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.manifest import Manifest
from slmworks.evaluate import predictions
from slmworks.model_tasks.feature_extraction import retrieval
from slmworks.numbers import statistics

RECIPE = Path(__file__).parent / "retrieval" / "search.yaml"
PEER = Path(__file__).parent / "retrieval_model2vec.py"
DIMENSIONS = 256


def main() -> None:
    """Make the set, run the recipe, ask the peer, print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="folder that holds banking77 and clinc150")
    options.add_argument("--store", default="", help="default: a fresh one, gone afterwards")
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--peer", help="a Python with model2vec[distill]")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        write(given.data, folder / "data")
        (folder / "recipe.yaml").write_text(RECIPE.read_text(encoding="utf-8"), encoding="utf-8")
        store_at = str(Path(given.store).resolve()) if given.store else str(folder / "store")
        made, store = run(folder / "recipe.yaml", store_at, given.cores)
        head = f"{'model':<38}{'nDCG@10 (95 % CI)':>24}{'recall@10':>11}{'MB':>8}{'texts/s':>9}"
        print(f"\n{head}")
        ours(made, store)
        if given.peer:
            peer(given.peer, made, store, folder)


def write(data: Path, target: Path) -> None:
    """`train.csv` and `test.csv` with the columns question and document."""
    rows: dict[str, list[tuple[str, tuple[str, str]]]] = {"train": [], "test": []}
    for split in rows:
        with (data / "banking77" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows[split] += [(row["text"], ("bank", row["category"].lower())) for row in csv.DictReader(file)]
    clinc = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    for split, found in rows.items():
        found += [(text, ("clinc", intent)) for text, intent in clinc[split]]
    documents: dict[tuple[str, str], str] = {}
    for text, intent in rows["train"]:
        documents.setdefault(intent, f"{intent[1].replace('_', ' ').strip().capitalize()}. {text.strip()}")
    for split, found in rows.items():
        with (target / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(["question", "document"])
            out.writerows((text.strip(), documents[intent]) for text, intent in found)


def run(recipe: Path, store_at: str, cores: int) -> tuple[dict[str, Manifest], Any]:
    """Run the recipe; what each task made, and the store."""
    from slmworks.cli.display import Plain
    from slmworks.engines.local import Run
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks.store import open_store

    read = Recipe.parse(recipe.read_text(encoding="utf-8"), folder=recipe.parent)
    store = open_store(store_at)
    going = Run(plan(read), store, cores, Plain())
    if code := going.execute():
        sys.exit(code)
    return {task: one.manifest for task, one in going.outcomes.items() if one.manifest is not None}, store


def ours(made: dict[str, Manifest], store: Any) -> None:
    """A line for the teacher, each student, and retrieval by words."""
    reports = {
        task: json.loads((store.folder(one.digest) / "report.json").read_text(encoding="utf-8"))
        for task, one in made.items()
        if one.kind == "Report"
    }
    speed = {made[task].refs["model"]: one for task, one in reports.items() if one["type"] == "speed"}
    beside = next(iter(speed.values()))["baseline"]["rows_s"]
    for task, said in reports.items():
        if said["type"] != "quality":
            continue
        own = speed.get(made[task].refs["model"])
        rate = own["model"]["rows_s"] if own else beside
        line(f"{task} ({said['name']})", said["splits"]["test"]["measures"], said["model"]["bytes"], rate)
    for name, splits in reports["teacher"]["trivial"].items():
        line(name, splits["test"]["measures"], None, None)


def peer(python: str, made: dict[str, Manifest], store: Any, folder: Path) -> None:
    """A line for model2vec's static model of the same teacher, on the same questions and documents."""
    data = Dataset(path=store.folder(made["curate"].digest), meta=made["curate"].meta)
    rows = data.rows("test", "id", "text", "document", "source")
    documents = retrieval.documents(data)
    asked = folder / "texts.json"
    asked.write_text(json.dumps([*documents, *(row["text"] for row in rows)]), encoding="utf-8")
    teacher = next(store.folder(made["teacher.model"].digest).rglob("config.json")).parent
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [python, str(PEER), str(teacher), str(asked), str(folder), str(DIMENSIONS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    embeddings = np.load(folder / "embeddings.npy")
    answers = iter([{"embedding": row} for row in embeddings])
    task = catalog.model_task("feature-extraction")
    found = task.judged(lambda some: [next(answers) for _ in some], {"test": rows}, data)["test"]
    measures = {
        one.name: statistics.estimate(predictions.counted(one, rows, found), one).rounded()
        for one in task.measures
    }
    size = sum(path.stat().st_size for path in (folder / "model").iterdir())
    line(
        f"model2vec ({DIMENSIONS} dimensions)",
        measures,
        size,
        json.loads(done.stdout.splitlines()[-1])["texts_s"],
    )


def line(name: str, measures: dict[str, Any], size: int | None, rate: float | None) -> None:
    """One line of the table."""
    ndcg = measures["ndcg_10"]
    shown = f"{ndcg['value']:.3f} ({ndcg['low']:.3f}–{ndcg['high']:.3f})"
    cells = f"{shown:>24}{measures['recall_10']['value']:>11.3f}"
    cells += f"{size / 1e6:>8.1f}" if size else " " * 8
    cells += f"{rate:>9,.0f}" if rate else ""
    print(f"{name:<38}{cells}")


if __name__ == "__main__":
    main()
