"""Chunks and their index: what was cut, and that the search finds what a plain computation finds."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from slmworks.model_tasks.text_generation.retrieval.bm25 import LexicalIndex, words
from slmworks.model_tasks.text_generation.retrieval.ranking import best, reciprocal_rank_fusion
from slmworks.model_tasks.text_generation.retrieval.vectors import Int8Vectors
from slmworks_gguf import passages
from slmworks_gguf.chunks import windows


@pytest.mark.parametrize(("size", "overlap"), [(4, 0), (4, 1), (7, 6), (100, 3)])
def test_windows_hold_every_token_and_cut_no_word(size: int, overlap: int) -> None:
    tokens = [word for word in range(12) for _ in range(1 + word % 3)]
    found = list(windows(tokens, size, overlap))
    assert {place for start, end in found for place in range(start, end)} == set(range(len(tokens)))
    assert all(0 < end - start <= size for start, end in found)
    for (_, end), (start, _) in pairwise(found):
        assert tokens[end] != tokens[end - 1]
        assert start <= end
        assert overlap == 0 or start < end or tokens[start] != tokens[start - 1]


def test_a_word_longer_than_a_window_is_cut() -> None:
    assert list(windows([0] * 10, 4, 1)) == [(0, 4), (3, 7), (6, 10)]
    assert list(windows([None] * 5, 4, 2)) == [(0, 4), (2, 5)]


def test_cosines_of_8_bits_are_those_of_floats(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    vectors = chance.standard_normal((500, 64), np.float32) * chance.uniform(0.1, 9, (500, 1)).astype(
        np.float32
    )
    passages.write_vectors(tmp_path, vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    question = vectors[7] + chance.standard_normal(64).astype(np.float32) * 0.2
    found = Int8Vectors(tmp_path, 1).cosines(question)
    assert found == pytest.approx(unit @ question / np.linalg.norm(question), abs=0.01)
    assert int(found.argmax()) == 7
    assert not Int8Vectors(tmp_path, 1).cosines(np.zeros(64, np.float32)).any()


def test_bm25_is_that_of_its_formula(tmp_path: Path) -> None:
    texts = ["The card is lost.", "the CARD the card", "Rates of Monday", "", "Straße 12"]
    passages.write_words(tmp_path, texts)
    index = LexicalIndex(tmp_path, len(texts))
    split = [list(words(text)) for text in texts]
    mean = sum(map(len, split)) / len(texts)

    def wanted(question: str, said: list[str]) -> float:
        score = 0.0
        for word in set(words(question)):
            holds, often = sum(word in one for one in split), said.count(word)
            idf = math.log(1 + (len(texts) - holds + 0.5) / (holds + 0.5))
            score += idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(said) / mean))
        return score

    for question in ("Is the card lost, the card?", "rates", "STRASSE 12", "nothing known", ""):
        assert index.scores(question) == pytest.approx([wanted(question, one) for one in split], rel=1e-3)


def test_words_of_most_passages_are_left_out_where_there_are_many(tmp_path: Path) -> None:
    passages.write_words(tmp_path, [f"the passage number{n}" for n in range(200)])
    index = LexicalIndex(tmp_path, 200)
    assert not index.scores("the passage").any()
    assert index.best("the number7", 50) == [7]
    assert index.best("the passage", 50) == []


def test_rankings_are_fused_by_rank_and_the_best_are_the_first_of_equals() -> None:
    found = reciprocal_rank_fusion([[3, 1, 2], [1, 9]])
    assert [place for place, _ in found] == [1, 3, 9, 2]
    assert found[0][1] == pytest.approx(1 / 62 + 1 / 61)
    assert best(np.array([0.5, 0.9, 0.5, 0.1, 0.5]), 3) == [1, 0, 2]
    assert best(np.array([0.5]), 3) == [0]
    for seed in range(3):
        scores = np.round(np.random.default_rng(seed).standard_normal(3000), 1 + seed)
        assert best(scores, 20) == np.argsort(-scores, kind="stable")[:20].tolist()
