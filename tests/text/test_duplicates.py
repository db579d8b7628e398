"""Near duplicates against brute force."""

import random
from itertools import combinations

import pytest

from slmworks_text.duplicates import CROWD, Components, jaccard, near_pairs, rows_in_a_band, shingles


def corpus(size: int) -> list[str]:
    draw = random.Random(0)
    words = [f"w{i}" for i in range(2000)]
    found = [" ".join(draw.choices(words, k=30)) for _ in range(size)]
    for text in found[: size // 2]:
        edited = text.split()
        for _ in range(draw.randint(1, 3)):
            edited[draw.randrange(30)] = draw.choice(words)
        found.append(" ".join(edited))
    return found


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_finds_what_brute_force_finds(threshold: float) -> None:
    texts = corpus(200)
    grams = [shingles(text) for text in texts]
    true = {(a, b) for a, b in combinations(range(len(texts)), 2) if jaccard(grams[a], grams[b]) >= threshold}
    found = set(near_pairs(texts, threshold, threads=1, progress=lambda _: None))
    assert len(true) > 20
    assert found <= true
    assert len(found) >= 0.97 * len(true)


def test_a_crowd_is_still_one_component() -> None:
    stem = " ".join(f"w{i}" for i in range(60))
    texts = [f"{stem} v{i}" for i in range(CROWD + 50)]
    components = Components(len(texts))
    for a, b in near_pairs(texts, 0.8, threads=1, progress=lambda _: None):
        components.join(a, b)
    assert {components.find(i) for i in range(len(texts))} == {0}


def test_short_texts_are_alike_only_when_their_words_are() -> None:
    assert list(near_pairs(["yes", "yes!", "no", "!"], 0.8, threads=1, progress=lambda _: None)) == [(0, 1)]


def test_bands_follow_the_threshold() -> None:
    assert [rows_in_a_band(t) for t in (0.4, 0.6, 0.8, 1.0)] == [2, 4, 6, 13]
