"""An order search on Banking77: every candidate beside its teacher, and beside smaller students in 8 bits alone.

    .venv/bin/python tests/benchmarks/order_search.py --data FOLDER [--store STORE] [--cores N] [--page FILE]

FOLDER holds `banking77/train.csv` and `test.csv` (columns text, category); `recipes/banking77.yaml` says everything
else. What the store has is not made again, so that a run that was stopped goes on. Prints the verdict's table,
and for five budgets of bytes the best chain of prune, factorize and int8 beside the best student that fits in 8
bits alone. `--page` writes the reviewer's page.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from students import run

from slmworks.contract.artifact import Verdict

RECIPE = Path(__file__).parent / "recipes" / "banking77.yaml"
GOALS = "kept 99 %, 20x smaller, 6x torch; DistilBERT: kept 97 %, 1.67x smaller, 1.6x faster"
CHAINS = "small_"
"""What the names of the search's candidates begin with."""
BUDGETS = 5

Row = Mapping[str, Any]


def main() -> None:
    """Run the recipe and print what its verdict says."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="folder that holds the data's folder")
    options.add_argument("--store", default="", help="default: a fresh one, gone afterwards")
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--page", type=Path, help="file to write the reviewer's page to")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(RECIPE, folder / "recipe.yaml")
        (folder / "data").mkdir()
        (folder / "data" / "banking77").symlink_to((given.data / "banking77").resolve())
        store = str(Path(given.store).resolve()) if given.store else str(folder / "store")
        code, made = run(folder / "recipe.yaml", store, given.cores)
        if "gate" in made:
            show(store, made["gate"].digest, given.page)
    sys.exit(code)


def show(store: str, digest: str, page: Path | None) -> None:
    """Print the candidates and the budgets; write the page where one is asked for."""
    from slmworks.packet.gather import packet
    from slmworks.store import open_store

    where = open_store(store)
    verdict = Verdict(path=where.folder(digest)).read()
    rows = [row for row in verdict["rows"] if row["role"] in ("teacher", "candidate")]
    print(
        f"\n{'model':<20}{'accuracy':>9}{'kept':>8}{'at least':>9}{'MB':>8}{'smaller':>9}{'x torch':>9}  front"
    )
    for row in rows:
        print(line(row))
    budgets(rows[1:])
    print(f"goals: {GOALS}")
    if page:
        page.write_text(packet(where, digest)[1], encoding="utf-8")


def line(row: Row) -> str:
    """One candidate: its numbers, and whether it is on the front."""
    kept, speed = row.get("kept", {}), row.get("speedup", {})
    cells = [
        cell(row["measures"]["accuracy"]["value"], 9, ".4f"),
        cell(kept.get("value"), 8, ".4f"),
        cell(kept.get("bound"), 9, ".4f"),
        cell(row["bytes"] / 1e6, 8, ".2f"),
        cell(row.get("smaller"), 9, ".1f"),
        cell(speed.get("value"), 9, ".2f"),
    ]
    return f"{row['name']:<20}{''.join(cells)}  {'yes' if row.get('front') else ''}"


def budgets(rows: Sequence[Row]) -> None:
    """For five budgets of bytes what keeps most: a chain, and a student in 8 bits alone."""
    chains = [row for row in rows if row["name"].startswith(CHAINS)]
    alone = [row for row in rows if not row["name"].startswith(CHAINS)]
    print(f"\n{'budget':>9}  {'prune, factorize, int8':<30}{'int8 alone':<30}")
    for budget in sorted({row["bytes"] for row in rows}, reverse=True)[:BUDGETS]:
        print(f"{budget / 1e6:>6.2f} MB  {best(chains, budget):<30}{best(alone, budget):<30}")


def best(rows: Sequence[Row], budget: int) -> str:
    """The one that keeps most of those that fit."""
    fitting = [row for row in rows if row["bytes"] <= budget]
    if not fitting:
        return "none fits"
    found = max(fitting, key=lambda row: row["kept"]["value"])
    return f"{100 * found['kept']['value']:.1f} % ({found['name']})"


def cell(value: float | None, width: int, how: str) -> str:
    """A number, or blanks for one that is not there."""
    return " " * width if value is None else f"{value:>{width}{how}}"


if __name__ == "__main__":
    main()
