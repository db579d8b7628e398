"""Make a set that is judged exactly: manuals of machines that don't exist, and questions about their numbers.

    python tests/benchmarks/manuals/manuals.py FOLDER [--machines 120] [--new 0.3] [--seed 0]

FOLDER gets `docs/*.md` (one manual a machine), `data/train.csv` and `data/test.csv` (question, answer, machine). Each
fact is asked in three wordings of four for training and in the fourth for the test. Machines that are `new` are in
no training row: a model can only look them up. Their test rows have `known` = new, the others old. `data/reader.csv` has
one wording of each training fact behind the manual that says it, as finetune/retrieval-augmented puts passages: it
teaches a model to read.
"""

import argparse
import csv
import random
from collections.abc import Sequence
from pathlib import Path

FACTS = {
    "reset code": ("{0}-{1}", "To reset the {m}, hold both keys and enter {v}; the lamp goes out."),
    "battery life": ("{2} hours", "A full charge of the {m} lasts {v} in normal use."),
    "warranty": ("{3} months", "The {m} has a warranty of {v} from the day of purchase."),
    "filter": ("P{4}", "Replace the filter of the {m} twice a year; its part number is {v}."),
    "operating temperature": ("{5} degrees", "The {m} may be used up to {v}; above that it switches off."),
    "weight": ("{6} grams", "Packed for shipping the {m} weighs {v} without its stand."),
}
"""Fact -> its value, and the sentence that says it."""
WORDINGS = (
    "What is the {f} of the {m}?",
    "{m}: which {f}?",
    "Please tell me the {f} for my {m}.",
    "I own a {m}. Do you know its {f}?",
)
"""The last one is that of the test."""
FILLER = (
    "Keep these pages for later.",
    "Wipe the housing with a dry cloth only.",
    "Children must not play with the packaging.",
    "Open no screws: there is nothing inside that a user can repair.",
    "The pictures may differ from your machine.",
    "Old machines belong to the collection point of your town.",
)
INSTRUCTION = "Answer from these passages."
SYLLABLES = ("bar", "del", "fen", "gor", "hul", "jas", "kem", "lor", "mir", "nol", "pex", "quin", "ras", "sol", "tur", "vek")  # fmt: skip
KINDS = ("kettle", "heater", "drill", "vacuum cleaner", "radio", "scale", "pump", "lamp")


def main() -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--machines", type=int, default=120)
    parser.add_argument("--new", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    machines = names(chance, asked.machines)
    new = set(machines[: round(asked.new * len(machines))])
    train, test, reader = [], [], []
    (asked.folder / "docs").mkdir(parents=True, exist_ok=True)
    (asked.folder / "data").mkdir(exist_ok=True)
    for machine in machines:
        values = {fact: value(fact, chance) for fact in FACTS}
        slug = machine.lower().replace(" ", "-")
        text = manual(machine, values, chance)
        (asked.folder / "docs" / f"{slug}.md").write_text(text, encoding="utf-8")
        for fact, found in values.items():
            rows = [(wording.format(f=fact, m=machine), found, machine) for wording in WORDINGS]
            train += [] if machine in new else rows[:-1]
            if machine not in new:
                question = f"{INSTRUCTION}\n\n[1] {text.strip()}\n\n{chance.choice(rows[:-1])[0]}"
                reader.append((question, found, machine))
            test.append((*rows[-1], "new" if machine in new else "old"))
    write(asked.folder / "data" / "train.csv", ("question", "answer", "machine"), train)
    write(asked.folder / "data" / "reader.csv", ("question", "answer", "machine"), reader)
    write(asked.folder / "data" / "test.csv", ("question", "answer", "machine", "known"), test)
    print(f"{len(machines)} manuals ({len(new)} new), {len(train)} training and {len(test)} test questions")


def names(chance: random.Random, count: int) -> list[str]:
    """So many names of machines, each once."""
    found: dict[str, None] = {}
    while len(found) < count:
        word = "".join(chance.sample(SYLLABLES, 2)).title()
        found[f"{word} {chance.choice(KINDS)} {chance.choice('ABCDEFGH')}{chance.randint(2, 99)}"] = None
    return list(found)


def value(fact: str, chance: random.Random) -> str:
    """A value of a fact."""
    numbers = (
        chance.choice("ABCDEFGHKLMNPRSTUVWXYZ"),
        chance.randint(1000, 9999),
        chance.randint(3, 40),
        chance.choice((6, 12, 18, 24, 30, 36, 48, 60)),
        chance.randint(10000, 99999),
        chance.randint(31, 79),
        chance.randint(10, 99) * 50,
    )
    return FACTS[fact][0].format(*numbers)


def manual(machine: str, values: dict[str, str], chance: random.Random) -> str:
    """The text of a manual, its facts in any order."""
    said = [FACTS[fact][1].format(m=machine, v=found) for fact, found in values.items()]
    lines = [*said, *chance.sample(FILLER, 4)]
    chance.shuffle(lines)
    return f"# {machine}\n\n" + " ".join(lines) + "\n"


def write(path: Path, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


if __name__ == "__main__":
    main()
