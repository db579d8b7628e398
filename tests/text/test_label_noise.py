"""Labels that are probably wrong are ranked first, and left out only where a recipe says so."""

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.packet.card import data as page
from slmworks_text.curate import CurateText
from slmworks_text.label_noise.confident import issues, scores
from slmworks_text.label_noise.out_of_fold import folds_of

TOPICS = {
    "card": ["card", "bank", "payment", "limit", "terminal"],
    "parcel": ["parcel", "courier", "address", "delivery", "box"],
    "login": ["password", "account", "login", "email", "browser"],
}
WRONG = 12


def rows() -> list[dict[str, str]]:
    """Texts of three topics; the first of them have the label of another one."""
    draw = random.Random(3)
    found = []
    for i in range(180):
        topic = list(TOPICS)[i % 3]
        words = [*draw.sample(TOPICS[topic], 3), f"n{draw.randrange(60)}", "please", "help"]
        draw.shuffle(words)
        label = list(TOPICS)[(i + 1) % 3] if i < WRONG else topic
        found.append({"text": " ".join(words), "label": label, "of": "wrong" if i < WRONG else "right"})
    return found


FILES = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows())}}


def lines(data: Dataset) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data.path / "label_noise.jsonl").read_text().splitlines()]


def test_wrong_labels_come_first(curate: Callable[..., Dataset]) -> None:
    data = curate(FILES, source="of", label_noise={"splits": ("train", "validation", "test")})
    found = lines(data)
    wrong = {row["text"] for row in rows()[:WRONG]}
    assert {line["text"] for line in found[:WRONG]} == wrong
    assert all(line["issue"] for line in found[:WRONG])
    assert [line["rank"] for line in found] == list(range(1, len(found) + 1))
    card = json.loads((data.path / "card.json").read_text())
    assert card["rows"]["out"] == len(found), "nothing is left out silently"
    assert "label noise" not in card["dropped"]
    about = card["label_noise"]
    assert (about["ranked"], about["unranked"], about["dropped"]) == (len(found), 0, 0)
    assert {(one["label"], one["suggested"]) for one in about["confused"][:3]} == {
        ("parcel", "card"), ("login", "parcel"), ("card", "login"),
    }  # fmt: skip
    assert data.summary["label_issues"] == about["issues"]
    assert found[0]["text"] in page(card)
    again = curate(FILES, source="of", label_noise={"splits": ("train", "validation", "test")})
    assert again.digest == data.digest


def test_so_many_are_left_out_of_train_as_are_asked_for(curate: Callable[..., Dataset]) -> None:
    data = curate(FILES, label_noise={"drop": 5})
    card = json.loads((data.path / "card.json").read_text())
    assert card["dropped"]["label noise"] == card["label_noise"]["dropped"] == 5
    first = lines(data)[:5]
    assert [line["kept"] for line in lines(data)[:6]] == [False] * 5 + [True]
    assert not {line["id"] for line in first} & {row["id"] for row in data.rows("train", "id")}
    assert curate(FILES, label_noise={}).rows("test", "id") == data.rows("test", "id")


@pytest.mark.parametrize("rank_by", ["self-confidence", "margin"])
def test_either_score_ranks(curate: Callable[..., Dataset], rank_by: str) -> None:
    found = lines(curate(FILES, label_noise={"rank_by": rank_by, "folds": 3}))
    assert [line["score"] for line in found] == sorted(line["score"] for line in found)
    assert all(0 <= line["score"] <= 1 for line in found)


def test_two_labels(curate: Callable[..., Dataset]) -> None:
    some = [row for row in rows()[WRONG:] if row["label"] != "login"]
    some[0] = some[0] | {"label": "parcel" if some[0]["label"] == "card" else "card"}
    files = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in some)}}
    assert (
        lines(curate(files, label_noise={"splits": ("train", "validation", "test")}))[0]["text"]
        == some[0]["text"]
    )


def test_confident_learning_in_numbers() -> None:
    given = np.array([0, 0, 0, 1, 1])
    found = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3]])
    # usual confidence: 0.6 in the first label, 0.55 in the second
    assert issues(found, given).tolist() == [False, False, True, False, True]
    assert scores(found, given, margin=False).tolist() == [0.9, 0.8, 0.1, 0.8, 0.3]
    assert scores(found, given, margin=True).tolist() == [0.9, 0.8, 0.1, 0.8, 0.3]


def test_no_row_belongs_to_a_label_that_no_row_has() -> None:
    found = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.1, 0.9, 0.0], [0.4, 0.6, 0.0]])
    assert not issues(found, np.array([0, 0, 1, 1])).any()


def test_every_label_is_in_several_folds() -> None:
    given = np.array([1, 0, 1, 1, 0, 2, 2])
    found = folds_of(given, 5)
    assert all(
        len(set(found[given == label].tolist())) == min(5, (given == label).sum()) for label in range(3)
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"label_noise": {"drop": 3, "drop_share": 0.1}}, "leave one out"),
        ({"label_noise": {"drop": 3, "splits": ["test"]}}, "add train to splits"),
        ({"label_noise": {"fold": 3}}, "Did you mean 'folds'?"),
        ({"label_noise": {}, "model_task": "feature-extraction"}, "leave label_noise out"),
    ],
)
def test_mistakes(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        configure(CurateText, "text", options)


def test_too_few_rows_to_judge_by(curate: Callable[..., Dataset]) -> None:
    some = [{"text": f"word{i} and more", "label": "ab"[i % 2]} for i in range(6)]
    files = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in some)}}
    with pytest.raises(BadRequest, match="needs two labels with two rows each"):
        curate(files, label_noise={"splits": ("validation",)})


def test_the_card_masks_the_texts_that_the_ranking_holds(curate: Callable[..., Dataset]) -> None:
    said = [{**row, "text": f"{row['text']} ann{i}@example.org"} for i, row in enumerate(rows())]
    files = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in said)}}
    data = curate(files, label_noise={})
    card = json.loads((data.path / "card.json").read_text())
    assert {one["text"].rpartition(" ")[2] for one in card["label_noise"]["first"]} == {"<EMAIL>"}
    assert "@example.org" not in page(card) + (data.path / "card.json").read_text()
    assert "@example.org" in lines(data)[0]["text"]
