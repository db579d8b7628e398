"""The rule without a language model: the nearest training answer with the message's own values."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import Trivial
from slmworks.model_tasks.text_generation import measures, trivial
from slmworks.model_tasks.text_generation.slots import Message, Slots

SEEN = (
    "Hi, this is {name}. A table for {n} on {day} at {time}, please. Mail: {mail}.",
    "Table for {n}, {day}, {time}. Name: {name}, {mail}",
    "We are {n} people and come on {day} around {time}. Write to {mail}. Thanks, {name}",
)
UNSEEN = (
    "{name} speaking, we would be {n} guests on {day} at {time}; confirm to {mail}.",
    "Booking: {n} guests, {day}, {time}, booked by {name}, e-mail {mail}.",
)
NAMES = ("Anna Meyer", "Ben Novak", "Carla Rossi", "David Silva", "Emma Weber", "Felix Adams")
DAYS = ("Monday", "Tuesday", "Friday", "Sunday")


def rows(wordings: tuple[str, ...], count: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    found = []
    for number in range(count):
        name = chance.choice(NAMES)
        said = {
            "name": name,
            "n": chance.randint(2, 12),
            "day": chance.choice(DAYS),
            "time": f"{chance.randint(11, 22)}:{chance.choice(('00', '15', '30'))}",
            "mail": f"{name.lower().replace(' ', '.')}@{chance.choice(('post', 'web'))}.example",
        }
        answer = {
            "who": name,
            "people": said["n"],
            "when": {"day": said["day"], "time": said["time"]},
            "to": [said["mail"]],
        }
        text = wordings[number % len(wordings)].format(**said)
        found.append({"messages": [{"role": "user", "content": text}], "completion": json.dumps(answer)})
    return found


def fitted(folder: Path, told: list[dict[str, Any]]) -> dict[str, Trivial]:
    pq.write_table(pa.Table.from_pylist(told), folder / "train.parquet")
    found = catalog.model_task("text-generation").trivial(Dataset(path=folder), seed=0)
    return {name: one for name, one in found.items() if isinstance(one, Trivial)}


def right(one: Trivial, asked: list[dict[str, Any]]) -> int:
    said = one.answer([{"messages": row["messages"]} for row in asked])
    return sum(int(measures.exact(row, answer)[0]) for row, answer in zip(asked, said, strict=True))


def test_it_answers_new_values_in_new_wordings_where_the_nearest_answer_never_is_right(
    tmp_path: Path,
) -> None:
    found, asked = fitted(tmp_path, rows(SEEN, 45, 1)), rows(UNSEEN, 40, 2)
    assert list(found) == [trivial.NEAREST, trivial.FREQUENT, trivial.SLOTS]
    assert right(found[trivial.NEAREST], asked) == 0
    assert right(found[trivial.SLOTS], asked) >= 36
    assert right(found[trivial.SLOTS], rows(SEEN, 30, 3)) >= 28
    assert found[trivial.SLOTS].bytes > 1000


@pytest.mark.parametrize(
    ("told", "asked", "answer"),
    [
        # A value that stands in no message stays; one of a known shape is found by the words around it.
        (
            ["pay 7 now|{'sum': 7, 'kind': 'bill'}", "pay 9 now|{'sum': 9, 'kind': 'bill'}"],
            "pay 12 now",
            {"sum": 12, "kind": "bill"},
        ),
        (["from 3 to 5|{'a': 3, 'b': 5}", "from 2 to 9|{'a': 2, 'b': 9}"], "from 8 to 1", {"a": 8, "b": 1}),
        (["at 2.5 kg|{'kg': 2.5}", "at 7.5 kg|{'kg': 7.5}"], "at 0.5 kg", {"kg": 0.5}),
        (["I am Bo|['Bo']", "I am Al|['Al']"], "I am Cy", ["Cy"]),
        # No part of the known shape: the training value is all that there is.
        (["pay 7 now|{'sum': 7}", "pay 9 now|{'sum': 9}"], "pay nothing", {"sum": 7}),
        (["it is on|{'on': True}", "it is 1|{'on': 1}"], "it is on", {"on": True}),
    ],
)
def test_a_slot_takes_the_likeliest_part_of_its_shape(told: list[str], asked: str, answer: Any) -> None:
    pairs = [one.split("|") for one in told]
    values = [json.loads(said.replace("'", '"').replace("True", "true")) for _, said in pairs]
    assert json.loads(Slots([text for text, _ in pairs], values).filled(0, asked)) == answer


def test_answers_that_are_text_or_share_nothing_with_their_message_have_no_rule(tmp_path: Path) -> None:
    told = rows(SEEN, 6, 1)
    assert trivial.SLOTS not in fitted(tmp_path, [{**row, "completion": "yes"} for row in told])
    assert trivial.SLOTS not in fitted(
        tmp_path, [{**row, "completion": '{"kind": "booking"}'} for row in told]
    )
    assert trivial.SLOTS not in fitted(tmp_path, [*told, {**told[0], "completion": "yes"}])


def test_a_value_stands_in_whole_words_only() -> None:
    message = Message("17 of 7, Anna-Lea's 7.5 kg")
    assert message.text(message.find(7) or (0, 1)) == "7"
    assert message.find("Anna") is not None
    assert message.find("nna") is None
    assert message.find("  ") is message.find("") is None
    assert message.features(message.find("Anna-Lea") or (0, 1))[0] == ("shape", "Aa-Aa")
