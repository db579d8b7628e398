"""Use-case cards on public data: `init --use-case`, a whole run, and the line of numbers for docs/use-cases.md.

    python tests/benchmarks/use_cases.py DATA WORK [CARD …] [--set STEP.OPTION=VALUE …]

DATA holds `banking77/train.csv` and `test.csv` (PolyAI, CC BY 4.0), `presidio_pii/synth_dataset_v2.json` (MIT),
`wikitext2_part/valid.txt` and `test.txt` (CC BY-SA 3.0), `gsm8k/train.jsonl` and `test.jsonl` (MIT), as their
authors publish them; they are read in place. WORK gets a folder a card, and the store.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slmworks.numbers import figures


def notes(data: Path, folder: Path) -> list[str]:
    """Sentences with personal data; those of one template stay in one split."""
    rows = json.loads((data / "presidio_pii" / "synth_dataset_v2.json").read_text())
    with (folder / "notes.jsonl").open("w") as out:
        for row in rows:
            marks = [
                {"start": one["start_position"], "end": one["end_position"], "label": one["entity_type"]}
                for one in row["spans"]
            ]
            said = {"text": row["full_text"], "entities": marks, "template": str(row["template_id"])}
            out.write(json.dumps(said) + "\n")
    return ["--train", str(folder / "notes.jsonl")]


def passages(data: Path, folder: Path) -> list[str]:
    """The first sentence of a paragraph asks for the rest of it (inverse cloze: Lee et al., 2019)."""
    with (folder / "passages.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["question", "document"])
        for name in ("valid", "test"):
            writer.writerows(_pairs((data / "wikitext2_part" / f"{name}.txt").read_text().splitlines()))
    return ["--train", str(folder / "passages.csv")]


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        first, *others = re.split(r"(?<= \.) (?=[A-Z\"])", line.strip())
        if line.strip().startswith("=") or len(others) < 2 or not 8 <= len(first.split()) <= 40:
            continue
        yield _plain(first), _plain(" ".join(" ".join(others).split()[:120]))


def _plain(text: str) -> str:
    """Without the marks of a tokenized text; an unknown word is left out."""
    text = re.sub(r" @(.)@ ", r"\1", text).replace("<unk> ", "").replace("<unk>", "")
    return re.sub(r"\s+([,.;:!?)])", r"\1", text).replace("( ", "(").strip()


def intents(data: Path, _folder: Path) -> list[str]:
    """Questions to a bank."""
    files = [f"--{split}={data / 'banking77' / f'{split}.csv'}" for split in ("train", "test")]
    return [*files, "--label", "category"]


def exercises(data: Path, _folder: Path) -> list[str]:
    """Word problems and their worked answers."""
    files = [f"--{split}={data / 'gsm8k' / f'{split}.jsonl'}" for split in ("train", "test")]
    return [*files, "--text", "question", "--label", "answer"]


CARDS = {
    "customer-service-intents": intents,
    "health-notes": notes,
    "private-documents": passages,
    "tutor": exercises,
}


def run(name: str, data: Path, work: Path, options: list[str]) -> str:
    """A line of the table in docs/use-cases.md, and the verdict."""
    folder = work / name
    folder.mkdir(parents=True)
    given = CARDS[name](data, folder)
    places = ["--store", str(work / "store")]
    _slmworks("init", str(folder / "line"), "--use-case", name, *given, *places)
    recipe = folder / "line" / "recipe.yaml"
    if name == "health-notes":
        before, mark, behind = recipe.read_text().partition("      expect:")
        if not mark:
            sys.exit(f"{recipe}: no line `expect:` to put `group: template` before")
        recipe.write_text(f"{before}      group: template\n{mark}{behind}")
    changed = [word for one in options for word in ("--set", one)]
    _slmworks("run", str(recipe), *places, "--tracking", "none", *changed)
    runs = sorted((work / "store" / "runs").glob("*/gate.json"), key=lambda path: path.stat().st_mtime)
    digest = json.loads(runs[-1].read_text())["manifest"]["digest"]
    verdict = json.loads((work / "store" / "objects" / digest / "verdict.json").read_text())
    return f"{_line(name, verdict)}\n{verdict['sentence']}"


def _line(name: str, verdict: dict[str, Any]) -> str:
    teacher = next(row for row in verdict["rows"] if row["role"] == "teacher")
    chosen = next(row for row in verdict["rows"] if row["chosen"])
    first = verdict["measures"][0]["name"]
    kept = chosen["kept"]
    interval = f"{figures.percent(kept['value'])} (95 % lower bound {figures.percent(kept['bound'])})"
    cells = (
        f"`{name}`", f"{chosen['n']:,}", teacher["written"][first], chosen["written"][first], interval,
        figures.times(chosen["smaller"]), verdict["sentence"].partition(":")[0],
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _slmworks(*words: str) -> None:
    ended = subprocess.run([sys.executable, "-m", "slmworks", *words], check=False)
    if ended.returncode not in (0, 99):  # 99: the gate refused, which is a result
        sys.exit(ended.returncode)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("data", type=Path)
    asked.add_argument("work", type=Path)
    asked.add_argument(
        "cards", nargs="*", metavar="CARD", help=f"of {', '.join(CARDS)}; all, if none is named"
    )
    asked.add_argument("--set", action="append", default=[], dest="options", metavar="STEP.OPTION=VALUE")
    said = asked.parse_args()
    if unknown := set(said.cards) - set(CARDS):
        asked.error(f"{min(unknown)}: no rows for this card; there are {', '.join(CARDS)}")
    lines = [run(name, said.data, said.work, said.options) for name in said.cards or CARDS]
    print("\n".join(lines))
