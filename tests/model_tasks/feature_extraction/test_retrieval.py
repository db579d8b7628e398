"""Measures of a ranking, and documents ranked by cosine."""

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import LeftOut, Trivial
from slmworks.model_tasks.feature_extraction import retrieval, trivial
from slmworks.testing import sealed

DOCUMENTS = ["a", "b", "c"]


def ranked(*documents: str) -> dict:
    return {"ranked": [retrieval.document_id(one) for one in documents]}


@pytest.mark.parametrize(
    ("answer", "ndcg", "recall", "first"),
    [
        (ranked("a", "b"), 1.0, 1.0, 1.0),
        (ranked("b", "a"), 1 / math.log2(3), 1.0, 0.0),
        (ranked("b", "c"), 0.0, 0.0, 0.0),
    ],
)
def test_measures_follow_the_rank_of_the_right_document(answer, ndcg, recall, first) -> None:
    row = {"document": "a"}
    assert retrieval.ndcg(row, answer) == (pytest.approx(ndcg), 1.0)
    assert retrieval.recall(row, answer) == (recall, 1.0)
    assert retrieval.first(row, answer) == (first, 1.0)


def test_every_document_of_any_split_is_searched_once(tiny_search: Dataset) -> None:
    asked: list[str] = []

    def answer(rows):
        asked.extend(row["text"] for row in rows)
        return [{"embedding": [float("camera" in row["text"]), 1.0, len(row["text"])]} for row in rows]

    rows = tiny_search.rows("test", "id", "text", "document", "source")
    found = catalog.model_task("feature-extraction").judged(answer, {"test": rows}, tiny_search)
    documents = retrieval.documents(tiny_search)
    assert len(documents) == 8
    assert asked[:8] == documents
    assert len(asked) == 8 + len(rows)
    assert len(found["test"]) == len(rows)
    assert found["test"][0]["documents"] == 8
    assert found["test"][0]["scores"] == sorted(found["test"][0]["scores"], reverse=True)


def test_the_scale_of_an_embedding_does_not_change_a_ranking(tiny_search: Dataset) -> None:
    task = catalog.model_task("feature-extraction")
    rows = tiny_search.rows("test", "id", "text", "document", "source")

    def answering(scale: float):
        return lambda some: [
            {"embedding": [scale * len(row["text"]), scale * row["text"].count("e"), scale]} for row in some
        ]

    one, other = (task.judged(answering(scale), {"test": rows}, tiny_search)["test"] for scale in (1, 250))
    assert [answer["ranked"] for answer in one] == [answer["ranked"] for answer in other]


@pytest.mark.parametrize("letters", ["😀😍🎉👍💖😡👎💔", "ABCDEFGH", "12345678", "好棒赞美佳坏差烂"])
def test_texts_without_words_are_found_by_their_letters(letters: str, tmp_path: Path) -> None:
    rows = [{"text": letter, "document": f"{letter} {letter}"} for letter in letters]
    fitted = trivial.fit(searched(tmp_path / "data", rows))[trivial.WORDS]
    assert isinstance(fitted, Trivial)
    answers = catalog.model_task("feature-extraction").judged(
        fitted.answer, {"test": rows}, searched(tmp_path / "again", rows)
    )
    assert [retrieval.rank_of(row, one) for row, one in zip(rows, answers["test"], strict=True)] == [1] * 8


def test_blank_texts_leave_the_baseline_out(tmp_path: Path) -> None:
    rows = [{"text": "", "document": ""}]
    assert isinstance(trivial.fit(searched(tmp_path / "data", rows))[trivial.WORDS], LeftOut)


def searched(folder: Path, rows: list[dict[str, str]]) -> Dataset:
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return sealed(Dataset(path=folder, meta={}))
