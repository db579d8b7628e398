"""Near duplicates against brute force."""

import random
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pytest

from slmworks_text import minhash, shingle_sets
from slmworks_text.joins.components import Components
from slmworks_text.minhash import CROWD, NearDuplicates, jaccard, rows_in_a_band
from slmworks_text.shingles import shingles


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


def groups(texts: list[str], threshold: float, folder: Path) -> list[set[int]]:
    """Texts by component, as found with buckets on disk."""
    components = Components(len(texts))
    near = NearDuplicates(threshold, folder)
    near.extend(pa.array(texts, pa.large_string()))
    near.join(components, list(range(len(texts))), lambda _done, _total: None)
    near.close()
    found: dict[int, set[int]] = {}
    for number in range(len(texts)):
        found.setdefault(components.find(number), set()).add(number)
    return list(found.values())


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_finds_what_brute_force_finds(threshold: float, tmp_path: Path) -> None:
    texts = corpus(200)
    grams = [shingles(text) for text in texts]
    true = {(a, b) for a, b in combinations(range(len(texts)), 2) if jaccard(grams[a], grams[b]) >= threshold}
    together = [group for group in groups(texts, threshold, tmp_path) if len(group) > 1]
    found = {pair for pair in true if any(set(pair) <= group for group in together)}
    assert len(true) > 20
    assert len(found) >= 0.97 * len(true)
    assert all(any(pair[0] in group for pair in true) for group in together)  # nobody without a reason


@pytest.mark.parametrize(("long", "kept"), [(0, 500), (0, 10**6), (300, 500), (10**6, 0)])
def test_long_and_short_texts_are_compared_alike(long: int, kept: int, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    expected = groups(corpus(120), 0.6, tmp_path / "one")
    monkeypatch.setattr(minhash, "LONG", long)
    monkeypatch.setattr(minhash, "COMPARED", 2_000)
    monkeypatch.setattr(shingle_sets, "KEPT", kept)
    monkeypatch.setattr(shingle_sets, "SHINGLES", 100)
    assert groups(corpus(120), 0.6, tmp_path / "other") == expected
    assert len(expected) < 180


def test_a_crowd_is_still_one_component(tmp_path: Path) -> None:
    stem = " ".join(f"w{i}" for i in range(60))
    texts = [f"{stem} v{i}" for i in range(CROWD + 50)]
    assert groups(texts, 0.8, tmp_path) == [set(range(len(texts)))]


def test_short_texts_are_alike_only_when_their_words_are(tmp_path: Path) -> None:
    assert groups(["yes", "yes!", "no", "!"], 0.8, tmp_path) == [{0, 1}, {2}, {3}]


def test_bands_follow_the_threshold() -> None:
    assert [rows_in_a_band(t) for t in (0.4, 0.6, 0.8, 1.0)] == [2, 4, 6, 13]
