"""What a small int8 student declines on CLINC150, beside its teacher. Prints a table, and the goals.

    .venv/bin/python tests/benchmarks/scope.py --data FOLDER [--store STORE] [--rows N] [--page FILE]

FOLDER holds CLINC150's `data_full.json`; the recipe is `recipes/clinc150-scope.yaml`. `--rows N` trains on N
rows for an epoch or two, which shows that it runs and says nothing about quality. What the store has is not
made again.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from students import run

from slmworks.contract.manifest import Manifest
from slmworks.store import Store, open_store

RECIPE = Path(__file__).parent / "recipes" / "clinc150-scope.yaml"
MEASURES = ("accuracy", "out_of_scope_auroc", "out_of_scope_recall", "in_scope_recall")
GOAL = "goal: AUROC of 0.95 or more, 0.80 or more declined at 95 % in-scope kept"


def main() -> None:
    """Run the recipe and print what its reports say of the test split."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--store", default="", help="default: a fresh one, gone afterwards")
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--rows", type=int, help="train on so many rows only")
    options.add_argument("--page", type=Path, help="write the reviewer's page here")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").symlink_to(given.data.resolve())
        (folder / "recipe.yaml").write_text(recipe(given.rows), encoding="utf-8")
        address = str(Path(given.store).resolve()) if given.store else str(folder / "store")
        code, made = run(folder / "recipe.yaml", address, given.cores)
        store = open_store(address)
        show(made, store)
        if given.page and "gate" in made:
            from slmworks.packet.gather import packet

            given.page.write_text(packet(store, made["gate"].digest)[1], encoding="utf-8")
    sys.exit(code if code != 99 else 0)


def recipe(rows: int | None) -> str:
    """The recipe's text; with fewer rows, it trains for as short a time as shows that it works."""
    text = RECIPE.read_text(encoding="utf-8")
    if rows is None:
        return text
    content = yaml.safe_load(text)
    steps = content["steps"]
    steps["curate"]["with"]["rows"] = rows
    steps["teacher"]["with"]["epochs"] = 2
    steps["student"]["with"] |= {"augment": 1, "epochs": 2, "min_count": 1}
    return str(yaml.safe_dump(content, sort_keys=False, width=1000))


def show(made: Mapping[str, Manifest], store: Store) -> None:
    """One line for each report on a model's quality."""
    print(f"\n{'report':<28}" + "".join(f"{name:>32}" for name in MEASURES))
    for task, manifest in made.items():
        if manifest.kind == "Report" and manifest.meta.get("type") == "quality":
            report = yaml.safe_load((store.folder(manifest.digest) / "report.json").read_text("utf-8"))
            found = report["splits"]["test"]["measures"]
            print(f"{task:<28}" + "".join(f"{cell(found.get(name)):>32}" for name in MEASURES))
    print(GOAL)


def cell(found: Mapping[str, Any] | None) -> str:
    """A number with its interval."""
    return f"{found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})" if found else ""


if __name__ == "__main__":
    main()
