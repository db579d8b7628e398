"""Makes `lights.csv` for `tiny-generator.yaml`: what is said to a house, and the command in each as JSON.

    python pipelines/examples/lights.py > pipelines/examples/lights.csv

So small a domain that a model learns it from nothing in a minute.
"""

import csv
import json
import random
import sys

ROWS = 30
"""Sentences of each wording."""

WORDINGS = (
    "turn {state} the {thing} in the {room}",
    "switch the {room} {thing} {state}",
    "{room} {thing} {state} please",
    "please put the {thing} in the {room} {state}",
    "can you turn the {room} {thing} {state}",
    "the {thing} in the {room} should be {state}",
    "{state} with the {room} {thing}",
    "i want the {thing} {state} in the {room}",
    "would you switch {state} the {thing} in the {room}",
    "make it so that the {room} {thing} is {state}",
)
SLOTS = {
    "thing": ("light", "heater", "radio", "fan", "blind"),
    "room": ("kitchen", "bathroom", "bedroom", "hall", "cellar", "office"),
    "state": ("on", "off"),
}


def main() -> None:
    """Write the rows as csv."""
    chance = random.Random(0)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("wording", "said", "command"))
    for number, wording in enumerate(WORDINGS, start=1):
        for _ in range(ROWS):
            command = {slot: chance.choice(words) for slot, words in SLOTS.items()}
            out.writerow((number, wording.format(**command), json.dumps(command)))


if __name__ == "__main__":
    main()
