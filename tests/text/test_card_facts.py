"""What a card tells besides counts: steps that add up, examples that show nothing private, clusters."""

import json
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from slmworks.contract.artifact import Dataset
from slmworks.packet import data_card
from slmworks.packet.data_card import Described
from slmworks_text.facts.clusters import beside
from slmworks_text.facts.followed import Followed
from slmworks_text.joins.components import Components
from slmworks_text.ledger import Ledger
from slmworks_text.rows import Tally

Curated = Callable[..., Dataset]

KEY = "AKIA" + "Z7QWERTYUIOPASDF"
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def text(i: int) -> str:
    return " ".join(WORDS[(i * step + i // 14) % 14] for step in (1, 3, 5, 9, 11, 13)) + f" {i}"


TRAIN = [{"text": text(i), "label": "spam" if i % 3 else "ham"} for i in range(120)]
TRAIN += [
    TRAIN[0],
    {"text": f"{text(5)} please answer soon or call me on the number below", "label": "ham"},
    {"text": "one two three four five six seven eight nine ten eleven", "label": "ham"},
    {"text": "one two three four five six seven eight nine ten eleven twelve", "label": "ham"},
    {"text": "one two three four five six seven eight nine ten eleven thirteen", "label": "ham"},
    {"text": "both ways", "label": "ham"},
    {"text": "Both ways", "label": "spam"},
    {"text": f"my key is {KEY} and my mail jo@example.org", "label": "spam"},
    {"text": "the test has this", "label": "ham"},
    {"text": "", "label": "ham"},
]
TEST = [{"text": f"{text(i + 500)}", "label": "spam" if i % 2 else "ham"} for i in range(10)]
TEST += [{"text": "the test has this", "label": "ham"}]


@pytest.fixture
def card(curate: Curated) -> dict[str, Any]:
    files = {"train": {"rows.jsonl": lines(TRAIN)}, "test": {"rows.jsonl": lines(TEST)}}
    data = curate(
        files,
        near_duplicates=0.7,
        rows=90,
        operators=[{"secrets": {"action": "drop"}}],
        decontaminate={"ngram": 6},
    )
    found: dict[str, Any] = json.loads((data.path / "card.json").read_text())
    return found


def test_steps_lead_from_rows_in_to_rows_out(card: dict[str, Any]) -> None:
    left = card["rows"]["in"]
    for step in card["steps"]:
        left -= sum(step["dropped"].values())
        assert step["rows"] == left, step
    assert left == card["rows"]["out"]
    told = {why: count for step in card["steps"] for why, count in step["dropped"].items()}
    assert told == {why: count for why, count in card["dropped"].items() if count}


def test_each_reason_has_examples_with_the_row_that_stays(card: dict[str, Any]) -> None:
    examples = card["examples"]
    assert set(examples) == {why for why, count in card["dropped"].items() if count}
    assert examples["near duplicate"][0]["beside"].startswith("one two three")
    assert examples["equal to a test row"] == [
        {"text": "the test has this", "label": "ham", "beside": "the test has this", "beside_label": "ham",
         "beside_split": "test"}
    ]  # fmt: skip
    both = examples["conflicting labels"]
    assert sorted(one["label"] for one in both) == ["ham", "spam"]
    assert all(one["beside_label"] != one["label"] for one in both)
    assert all(len(some) <= 3 for some in examples.values())


def test_nothing_private_is_shown_whatever_the_options_leave_in(card: dict[str, Any]) -> None:
    assert card["examples"]["secrets: secret"] == [
        {"text": "my key is <AWS_KEY> and my mail <EMAIL>", "row": "train/rows.jsonl row 128: aws-key"}
    ]
    assert KEY not in json.dumps(card)
    assert "jo@example.org" not in json.dumps(card)


def test_clusters_are_counted_by_size(card: dict[str, Any]) -> None:
    near = card["clusters"]["near"]
    assert sum(count for _, count in near["sizes"]) == near["clusters"]
    assert near["largest"][0]["rows"] == 3
    assert all(one.startswith("one two three") for one in near["largest"][0]["texts"])


def test_long_texts_are_cut_and_masked_before(curate: Curated) -> None:
    rows = [{"text": f"row {i}", "label": "ab"[i % 2]} for i in range(30)]
    long = {"text": "x " * 94 + "jo@example.org " + "y " * 500, "label": "a"}
    data = curate({"all": {"rows.jsonl": lines([*rows, long])}}, max_chars=100)
    card = json.loads((data.path / "card.json").read_text())
    (shown,) = card["examples"]["too long"]
    assert len(shown["text"]) <= 200
    assert "jo@" not in shown["text"]


def test_conversations_have_steps_and_examples(chat: Curated) -> None:
    said = [{"prompt": f"Say {text(i)}", "completion": f"It is {text(i)}."} for i in range(40)]
    data = chat({"all": {"rows.jsonl": lines([*said, said[0], {"prompt": "Why?", "completion": ""}])}})
    card = json.loads((data.path / "card.json").read_text())
    assert card["examples"]["duplicate"][0]["text"] == f"Say {text(0)} | It is {text(0)}."
    assert card["columns"]["messages"] == "list<element: struct<role: string, content: string>>"
    assert [step["step"] for step in card["steps"]] == ["rows", "equal"]


def test_marked_texts_have_examples(tags: Curated) -> None:
    marked = [
        {"text": f"{name} works here {i}", "entities": [{"start": 0, "end": len(name), "label": "PER"}]}
        for i, name in enumerate(["Ada", "Grace"] * 20)
    ]
    data = tags({"all": {"rows.jsonl": lines([*marked, marked[3]])}})
    card = json.loads((data.path / "card.json").read_text())
    assert card["examples"]["duplicate"][0]["text"] == "Grace works here 3"


def test_chunks_have_steps_and_examples_with_their_places(documents: Curated) -> None:
    said = [f"# Pump {i}\n\n{text(i)} {text(i + 300)}\n" for i in range(20)]
    files = {f"{i}.md": one for i, one in enumerate(said)}
    files |= {
        "short.md": "no",
        "copy.md": said[3],
        "near.md": f"{said[5]}please answer soon",
        "key.md": f"my key is {KEY} and my mail jo@example.org",
    }
    test = {"jo@example.org.md": said[7]}
    data = documents(
        {"docs": files, "test": test},
        size=40, min_chars=5, near_duplicates=0.6, validation=0, operators=[{"secrets": {"action": "drop"}}],
    )  # fmt: skip
    card = json.loads((data.path / "card.json").read_text())
    left = card["rows"]["in"]
    for step in card["steps"]:
        left -= sum(step["dropped"].values())
        assert step["rows"] == left, step
    assert [step["step"] for step in card["steps"]] == ["rows", "equal", "near"]
    assert left == card["rows"]["out"] == 19 + 1
    examples = card["examples"]
    assert set(examples) == {why for why, count in card["dropped"].items() if count}
    (copy,) = examples["duplicate"]
    assert {copy["place"], copy["beside_place"]} == {"docs/3.md#1: Pump 3", "docs/copy.md#1: Pump 3"}
    (near,) = examples["near duplicate"]
    assert {near["place"], near["beside_place"]} == {"docs/5.md#1: Pump 5", "docs/near.md#1: Pump 5"}
    (tested,) = examples["equal to a test row"]
    assert (tested["place"], tested["beside_split"]) == ("docs/7.md#1: Pump 7", "test")
    assert tested["beside_place"] == "test/<EMAIL>#1: Pump 7"
    assert examples["secrets: secret"][0]["row"] == "docs/key.md chunk 1: aws-key"
    assert KEY not in json.dumps(card["examples"])
    assert "jo@example.org" not in json.dumps([card["examples"], card["clusters"]])
    assert card["clusters"]["near"]["rows"] >= 4
    page = data_card.page(Described(card))
    assert "docs/copy.md#1: Pump 3" in page
    assert "equal to a test row" in page


@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2)), min_size=1))
def test_a_dropped_row_stands_beside_the_first_that_stays(rows: list[tuple[int, bool, int]]) -> None:
    groups = [group for group, _, _ in rows]
    names = np.array([groups.index(group) for group in groups], "uint32")
    kept, place = [one[1] for one in rows], [one[2] for one in rows]
    gone = [row for row, stays in enumerate(kept) if not stays]
    expected = {}
    for row in gone:
        alike = [other for other, group in enumerate(groups) if group == groups[row]]
        stay = sorted((place[other], other) for other in alike if kept[other])
        others = [other for other in alike if other != row]
        expected[row] = (stay[0][1] if stay else None, others[0] if others else None)
    if gone:
        assert beside(gone, names, ledger_of(kept, place)) == expected


def ledger_of(kept: Sequence[bool], place: Sequence[int]) -> Ledger:
    none = np.zeros(len(kept), "uint64")
    return Ledger(np.array(place, "uint8"), none, none, np.array(kept, bool), np.zeros(len(kept), bool), ())


def test_a_cluster_that_is_most_of_the_data() -> None:
    size = 400_000
    components = Components(size)
    components.parent = array("I", bytes(4 * size))  # all are one
    place = [2] * (size - 1) + [0]  # only the last one stays, in test
    followed, tally = Followed(), Tally()
    followed.stored(size, tally)
    tally.dropped["equal to a test row"] = size - 1
    followed.joined("equal", ledger_of([False] * (size - 1) + [True], place), components)
    assert [(one.row, one.beside) for one in followed.examples["equal to a test row"]] == [
        (row, size - 1) for row in range(3)
    ]
    (found,) = followed.clusters.values()
    assert (found.rows, found.sizes, found.largest) == (size, [(size, 1)], [(size, [0, 1, 2])])
