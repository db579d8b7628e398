"""Personal data found by slmworks beside presidio: precision, recall, rows a CPU-second. Prints Markdown.

    .venv/bin/python tests/benchmarks/redaction.py [--data FOLDER] [--peer PYTHON] [--draws N] [--missed]

FOLDER holds presidio-research's `generated_small.json`, `generated_large.json`, `synth_dataset_v2.json`. PYTHON has
`presidio-analyzer==2.2.366`, which is asked for the same kinds by its own recognisers as they come, on a blank
pipeline (see redaction_presidio.py), without and with a threshold of 0.4. Our own rows are made by redaction_rows.py.

A value is found if tags of its kind cover all its letters and digits; a tag is right if it takes no other letter or
digit. Telephone numbers: slmworks has the region of the row's language (US for presidio's sets), presidio its eight.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))
from redaction_rows import Labelled, rows

from slmworks_text.personal import Redactor

PEER = Path(__file__).parent / "redaction_presidio.py"
SETS = ["generated_small", "generated_large", "synth_dataset_v2"]
ENTITIES = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip", "US_SSN": "ssn",
}  # fmt: skip
"""Presidio's name of a kind -> ours."""
KINDS: Final = ("email", "phone", "card", "iban", "ip", "ssn")
THRESHOLDS = (0, 0.4)
REPEATS = 5
"""Of our own timing, which is short."""

Spans = list[tuple[int, int, str]]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--data", type=Path, help="folder with presidio-research's sets")
    options.add_argument("--peer", help="a Python with presidio-analyzer")
    options.add_argument("--draws", type=int, default=10, help="rows a sentence of our own")
    options.add_argument("--missed", action="store_true", help="also print what was missed or wrong")
    asked = options.parse_args()
    sets = {"ten languages": rows(asked.draws)}
    if asked.data:
        sets["presidio-research"] = [row for name in SETS for row in labelled(asked.data / f"{name}.json")]
    for name, some in sets.items():
        contenders = {"slmworks": ours(some)}
        if asked.peer:
            contenders |= {f"presidio, from {low}": theirs(asked.peer, some, low) for low in THRESHOLDS}
        table(name, some, contenders)
        if asked.missed:
            missed(some, contenders["slmworks"][0])


def labelled(path: Path) -> list[Labelled]:
    """Rows of one of presidio's sets, with the kinds that we look for."""
    return [
        Labelled(
            row["full_text"],
            "US",
            [
                (span["start_position"], span["end_position"], ENTITIES[span["entity_type"]])
                for span in row["spans"]
                if span["entity_type"] in ENTITIES
            ],
        )
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]


def ours(some: Sequence[Labelled]) -> tuple[list[Spans], float]:
    """What slmworks finds in each row, and its rows a CPU-second."""
    redactors = {row.region: Redactor(KINDS, row.region) for row in some}
    found: list[Spans] = [list(redactors[row.region].find(row.text)) for row in some]
    begun = time.process_time()
    for _ in range(REPEATS):
        for row in some:
            redactors[row.region].redact(row.text)
    return found, REPEATS * len(some) / (time.process_time() - begun)


def theirs(python: str, some: Sequence[Labelled], threshold: float) -> tuple[list[Spans], float]:
    """What presidio finds in each row, and its rows a CPU-second."""
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.json"
        texts.write_text(json.dumps([row.text for row in some]), encoding="utf-8")
        command = [python, str(PEER), str(texts), str(threshold)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    spans = [[(start, end, ENTITIES[entity]) for start, end, entity in row] for row in said["spans"]]
    return spans, len(some) / said["cpu"]


def table(name: str, some: Sequence[Labelled], contenders: dict[str, tuple[list[Spans], float]]) -> None:
    """One table: a line a kind, precision and recall of each contender; the last line is speed."""
    print(f"\n{name}: {len(some):,} rows\n")
    print(f"| kind | values | {' | '.join(f'{who}: precision | recall' for who in contenders)} |")
    print(f"|---|--:|{'--:|' * 2 * len(contenders)}")
    values = Counter(kind for row in some for *_, kind in row.spans)
    counted = {who: counts(some, found) for who, (found, _) in contenders.items()}
    for kind in KINDS:
        cells = [
            cell
            for who in contenders
            for cell in (
                share(counted[who]["right", kind], counted[who]["tags", kind]),
                share(counted[who]["found", kind], values[kind]),
            )
        ]
        print(f"| {kind} | {values[kind]:,} | {' | '.join(cells)} |")
    rates = " | ".join(f"{rate:,.0f} |" for _, rate in contenders.values())
    print(f"| rows/CPU-s | | {rates}")


def counts(some: Sequence[Labelled], found: Sequence[Spans]) -> Counter[tuple[str, str]]:
    """Tags, right tags, and values found, a kind."""
    counted: Counter[tuple[str, str]] = Counter()
    for row, tags in zip(some, found, strict=True):
        for kind in {kind for *_, kind in (*row.spans, *tags)}:
            wanted, taken = within(row.text, row.spans, kind), within(row.text, tags, kind)
            counted["tags", kind] += len(taken)
            counted["right", kind] += sum(tag <= set().union(*wanted) for tag in taken)
            counted["found", kind] += sum(value <= set().union(*taken) for value in wanted)
    return counted


def within(text: str, spans: Spans, kind: str) -> list[set[int]]:
    """Places of letters and digits in each span of a kind."""
    return [{i for i in range(start, end) if text[i].isalnum()} for start, end, one in spans if one == kind]


def share(part: int, whole: int) -> str:
    """A share to three places, or a dash."""
    return f"{part / whole:.3f}" if whole else "–"


def missed(some: Sequence[Labelled], found: Sequence[Spans]) -> None:
    """Rows with a value that slmworks missed, or a tag that is wrong."""
    print()
    for row, tags in zip(some, found, strict=True):
        one = counts([row], [tags])
        for kind in KINDS:
            if one["found", kind] < len(within(row.text, row.spans, kind)):
                print(f"missed {kind}: {row.text!r}")
            if one["right", kind] < one["tags", kind]:
                print(f"wrong {kind}: {row.text!r}")


if __name__ == "__main__":
    main()
