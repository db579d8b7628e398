"""Rows that a classifier is not made for, in splits of their own."""

import json

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_text.curate import CurateText

VALIDATION, TEST = "out_of_scope_validation", "out_of_scope_test"


def csv(*rows: tuple[str, str]) -> str:
    return "".join(f"{text},{label}\n" for text, label in (("text", "label"), *rows))


def many(count: int, *labels: str, word: str = "sample") -> list[tuple[str, str]]:
    return [(f"{word} number {i} about {label}", label) for label in labels for i in range(count)]


def ids(data, split):
    return set(data.columns(split, "id")[0])


def test_labels_of_the_pool_are_shared_out_and_not_trained_on(curate) -> None:
    rows = many(100, "yes", "no") + many(90, "oos")
    data = curate({"all": {"a.csv": csv(*rows)}}, out_of_scope=["oos"])
    assert labels_of(data) == ["no", "yes"]
    assert data.splits == (TEST, VALIDATION, "test", "train", "validation")
    found = {split: len(ids(data, split)) for split in (TEST, VALIDATION)}
    assert sum(found.values()) == 90
    assert found[TEST] == pytest.approx(60, abs=12)  # as test and validation share: 0.2 to 0.1
    assert data.columns(TEST, "label")[0] == [None] * found[TEST]
    assert data.summary[TEST] == found[TEST]
    card = json.loads((data.path / "card.json").read_text())
    assert "labels" not in card["splits"][TEST]


def test_the_rest_of_the_data_stays_as_it_was(curate) -> None:
    rows = many(100, "yes", "no")
    without = curate({"all": {"a.csv": csv(*rows)}})
    beside = curate({"all": {"a.csv": csv(*rows)}, "out_of_scope": {"b.csv": csv(*many(9, "x", word="odd"))}})
    for split in ("train", "validation", "test"):
        assert (without.path / f"{split}.parquet").read_bytes() == (
            beside.path / f"{split}.parquet"
        ).read_bytes()


def test_given_splits_keep_their_own(curate) -> None:
    inputs = {
        "train": {"a.csv": csv(*many(50, "yes", "no"), *many(4, "oos", word="early"))},
        "test": {"a.csv": csv(*many(20, "yes", "no", word="late"), *many(7, "OOS", word="late"))},
        VALIDATION: {"a.csv": csv(*many(5, "", word="given"))},
    }
    data = curate(inputs, out_of_scope=["oos", "OOS"])
    texts = data.columns(TEST, "text")[0]
    assert sum(text.startswith("late") for text in texts) == 7
    assert sum(text.startswith("given") for text in data.columns(VALIDATION, "text")[0]) == 5
    assert not any("oos" in text.lower() for text in data.columns("train", "text")[0])


def test_a_text_that_has_a_label_is_in_scope(curate) -> None:
    rows = [*many(50, "yes", "no"), ("Sample number 1 about yes", "oos"), *many(3, "oos", word="odd")]
    data = curate({"all": {"a.csv": csv(*rows)}}, out_of_scope=["oos"])
    assert sum(len(ids(data, split)) for split in (TEST, VALIDATION) if split in data.splits) == 3


def test_labels_may_be_listed_beside_it(curate) -> None:
    rows = many(50, "yes", "no", "else") + many(40, "oos")
    data = curate({"all": {"a.csv": csv(*rows)}}, labels=["yes", "no"], out_of_scope=["oos"])
    assert labels_of(data) == ["yes", "no"]
    assert len(ids(data, TEST) | ids(data, VALIDATION)) == 40
    mapped = curate({"all": {"a.csv": csv(*rows)}}, labels={"yes": "Y", "no": "N"}, out_of_scope=["oos"])
    assert labels_of(mapped) == ["Y", "N"]
    assert len(ids(mapped, TEST) | ids(mapped, VALIDATION)) == 40


def test_few_rows_are_said(curate) -> None:
    data = curate({"all": {"a.csv": csv(*many(50, "yes", "no"), *many(6, "oos"))}}, out_of_scope=["oos"])
    assert any("out_of_scope_test has" in one for one in data.summary["warnings"])


def test_a_label_that_no_row_has_is_one_line(curate) -> None:
    with pytest.raises(
        BadRequest, match="with.out_of_scope: no row has the label 'ooos'. Did you mean 'oos'"
    ):
        curate({"all": {"a.csv": csv(*many(50, "yes", "no", "oos"))}}, out_of_scope=["ooos"])


def test_it_is_for_classes_only() -> None:
    with pytest.raises(OptionError, match="are no labels; leave out_of_scope out"):
        CurateText(model_task="feature-extraction", out_of_scope=["oos"])
