"""Free baselines where texts have no words."""

from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import LeftOut, Trivial
from slmworks.model_tasks.text_classification import trivial
from slmworks.testing import sealed


def data(folder: Path, texts: list[str], labels: list[str]) -> Dataset:
    folder.mkdir()
    table = pa.table({"id": [str(i) for i in range(len(texts))], "text": texts, "label": labels})
    pq.write_table(table, folder / "train.parquet")
    return sealed(Dataset(path=folder, meta={"labels": sorted(set(labels))}))


def accuracy(one: Trivial, texts: list[str], labels: list[str]) -> float:
    found = one.answer([{"text": text} for text in texts])
    return sum(said["label"] == label for said, label in zip(found, labels, strict=True)) / len(texts)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("😀😍🎉👍💖", "😡👎💔😢🤮"),
        ("ABCDE", "VWXYZ"),
        ("12345", "67890"),
        ("好棒赞美佳", "坏差烂糟劣"),
        ("กขคงจ", "มยรลว"),
        ("+*=<>", "-/%#@"),
    ],
)
@pytest.mark.parametrize("length", [1, 3])
def test_texts_without_words_are_told_apart_by_their_letters(
    here: str, there: str, length: int, tmp_path: Path
) -> None:
    texts = ["".join(found) for letters in (here, there) for found in product(letters, repeat=length)]
    labels = ["yes"] * (len(texts) // 2) + ["no"] * (len(texts) // 2)
    fitted = trivial.fit(data(tmp_path / "data", texts, labels), seed=0)
    linear, majority = fitted[trivial.LINEAR], fitted[trivial.MAJORITY]
    assert isinstance(linear, Trivial)
    assert isinstance(majority, Trivial)
    assert accuracy(linear, texts, labels) == 1.0
    assert accuracy(majority, texts, labels) == 0.5


def test_single_letters_between_blanks(tmp_path: Path) -> None:
    texts, labels = ["A B", "B A", "C D", "D C"], ["yes", "yes", "no", "no"]
    linear = trivial.fit(data(tmp_path / "data", texts, labels), seed=0)[trivial.LINEAR]
    assert isinstance(linear, Trivial)
    assert accuracy(linear, texts, labels) == 1.0


@pytest.mark.parametrize(
    ("texts", "labels", "reason"),
    [(["one", "two"], ["yes", "yes"], "class"), (["", ""], ["yes", "no"], "vocabulary")],
)
def test_what_cannot_be_fitted_is_left_out_with_a_reason(
    texts: list[str], labels: list[str], reason: str, tmp_path: Path
) -> None:
    fitted = trivial.fit(data(tmp_path / "data", texts, labels), seed=0)
    linear = fitted[trivial.LINEAR]
    assert isinstance(linear, LeftOut)
    assert reason in linear.reason
    assert isinstance(fitted[trivial.MAJORITY], Trivial)
