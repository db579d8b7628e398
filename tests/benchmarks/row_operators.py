"""Rows a CPU-second of each row operator, on short texts and on pages. Prints Markdown.

    .venv/bin/python tests/benchmarks/row_operators.py FOLDER [--rows 10000]

FOLDER holds Banking77's `train.csv`; a page is 40 of its texts, a line each.
"""

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmworks.curate.operators import chosen
from slmworks_text.operators.running import ROWS, operated
from slmworks_text.operators.views import TextView
from slmworks_text.rows import Row, Tally
from slmworks_text.schema import schema_of

OPERATORS: dict[str, dict[str, Any]] = {
    "length": {"min_words": 1},
    "language": {"tag": True},
    "quality gopher": {"rules": "gopher"},
    "quality gopher-repetition": {"rules": "gopher-repetition"},
    "quality c4": {"rules": "c4"},
    "quality fineweb": {"rules": "fineweb"},
    "words": {"words": ["top up", "damn", "blocked"]},
    "secrets": {},
    "expression": {"keep": "length(text) > 20 and label <> 'x'"},
    "normalise": {},
    "redact": {"kinds": ["email", "phone", "card", "iban", "ip", "ssn"]},
}
LINES = 40
"""Texts of a page."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--rows", type=int, default=10_000, help="short texts")
    asked = options.parse_args()
    with (asked.folder / "train.csv").open(encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][: asked.rows]
    pages = ["\n".join(texts[i : i + LINES]) for i in range(0, len(texts), LINES)]
    print(f"{len(texts):,} short texts, {len(pages):,} pages of {LINES} lines\n")
    print("| operator | short texts/CPU-s | pages/CPU-s |\n|---|--:|--:|")
    for name, given in OPERATORS.items():
        speeds = [rate(name.partition(" ")[0], given, some) for some in (texts, pages)]
        print(f"| {name} | {speeds[0]:,.0f} | {speeds[1]:,.0f} |", flush=True)


def rate(name: str, given: dict[str, Any], texts: Sequence[str]) -> float:
    """Rows a CPU-second; the first batch warms up."""
    rows = [Row(text, "label", "web", f"web/a.csv#{i}", place=2) for i, text in enumerate(texts)]
    operators, view = chosen([{name: given}]), TextView(schema_of("text-classification"))
    list(operated(rows[:ROWS], operators, view, Tally()))
    start = time.process_time()
    for _ in operated(rows, operators, view, Tally()):
        pass
    return len(rows) / (time.process_time() - start)


if __name__ == "__main__":
    main()
