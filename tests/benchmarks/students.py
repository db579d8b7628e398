"""Both students beside their teacher: quality, bytes and speed as served. Prints a table.

    .venv/bin/python tests/benchmarks/students.py banking77 --data FOLDER [--store STORE] [--cores N]

FOLDER holds `banking77/train.csv` and `test.csv` (columns text, category), or `clinc150/data_full.json`; they
are linked beside a copy of `students/<name>.yaml`, which says everything else. What the store has is not made
again. Speed is measured beside the teacher in torch, and beside the teacher in ONNX Runtime fp32, each with N
threads; `--cores 1` is how the server computes (a batch a thread), and trains slowly: train with two before.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slmworks.contract.manifest import Manifest

RECIPES = Path(__file__).parent / "students"
GOALS = {
    "layers": "kept 99 %, 14x smaller, 5x torch, 3x ONNX Runtime",
    "bag": "kept 98 %, 100x smaller",
}


def main() -> None:
    """Run the recipe and print what its reports say."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("name", choices=sorted(path.stem for path in RECIPES.glob("*.yaml")))
    options.add_argument("--data", type=Path, required=True, help="folder that holds the data's folder")
    options.add_argument("--store", default="", help="default: a fresh one, gone afterwards")
    options.add_argument("--cores", type=int, default=2)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(RECIPES / f"{given.name}.yaml", folder / "recipe.yaml")
        (folder / "data").mkdir()
        (folder / "data" / given.name).symlink_to((given.data / given.name).resolve())
        store = str(Path(given.store).resolve()) if given.store else str(folder / "store")
        code, made = run(folder / "recipe.yaml", store, given.cores)
        show(made)
    sys.exit(code)


def run(recipe: Path, store: str, cores: int) -> tuple[int, dict[str, Manifest]]:
    """Run a recipe; its exit code, and what each task made."""
    from slmworks.cli.display import Plain
    from slmworks.engines.local import Run
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks.store import open_store

    read = Recipe.parse(recipe.read_text(encoding="utf-8"), folder=recipe.parent)
    going = Run(plan(read), open_store(store), cores, Plain())
    code = going.execute()
    found = {task: outcome.manifest for task, outcome in going.outcomes.items()}
    return code, {task: manifest for task, manifest in found.items() if manifest is not None}


def show(made: dict[str, Manifest]) -> None:
    """One line for each model that was evaluated."""
    print(
        f"\n{'model':<28}{'accuracy':>9}{'kept':>8}{'at least':>9}{'MB':>8}{'smaller':>9}{'x torch':>9}{'x ORT':>7}"
    )
    reports = [(task, one) for task, one in made.items() if one.kind == "Report"]
    for task, model in made.items():
        own = [(name, one.summary) for name, one in reports if one.refs["model"] == model.digest]
        quality = pick(own, ("baseline", "quality"))
        if model.kind == "Model" and quality:
            speed, peer = pick(own, ("speed",)), pick(own, ("peer",))
            cells = [
                cell(quality.get("accuracy"), 9, ".4f"),
                cell(quality.get("kept"), 8, ".4f"),
                cell(quality.get("kept_at_least"), 9, ".4f"),
                cell(sum(file.size for file in model.files) / 1e6, 8, ".2f"),
                cell(speed.get("smaller"), 9, ".1f"),
                cell(speed.get("speedup"), 9, ".2f"),
                cell(peer.get("speedup"), 7, ".2f"),
            ]
            print(f"{task:<28}" + "".join(cells))
    for student, goal in GOALS.items():
        print(f"goal of {student}: {goal}")


def pick(reports: Iterable[tuple[str, Any]], names: tuple[str, ...]) -> Any:
    """The summary of the report whose task's name begins with one of `names`; empty where there is none."""
    return next((summary for task, summary in reports if task.startswith(names)), {})


def cell(value: float | None, width: int, how: str) -> str:
    """A number, or blanks for one that is not there."""
    return " " * width if value is None else f"{value:>{width}{how}}"


if __name__ == "__main__":
    main()
