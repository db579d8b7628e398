"""Words and their tokens: every word counts once, whatever the tokenizer and however long the text."""

import random

import numpy as np
import pytest
from tokenizers import Tokenizer

import families
from conftest import write_tokenizer
from slmworks.model_tasks import word_windows
from slmworks.model_tasks.onnx_text import open_tokenizer
from slmworks.model_tasks.word_windows import Place, places_of, read, windowing, windows_of, words_of


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


def test_words_are_letters_and_digits_or_one_mark() -> None:
    assert cut("Ada's 2 cats, e.g.!") == ["Ada", "'", "s", "2", "cats", ",", "e", ".", "g", ".", "!"]
    assert cut("在東京のカフェ ok") == [*"在東京のカフェ", "ok"]
    assert cut(" \n ") == []


@pytest.mark.parametrize("length", [8, 12, 31])
def test_each_word_of_a_long_text_counts_in_the_window_in_which_it_is_deepest(tmp_path, length) -> None:
    write_tokenizer(tmp_path)
    tokenizer = windowing(open_tokenizer(tmp_path, length), length)
    chance = random.Random(1)
    known = ["camera", "great", "router", "a", "!", "perfect"]
    text = " ".join(chance.choice(known) for _ in range(100))
    words = words_of(text)
    windows = windows_of(tokenizer.encode(text))
    places = places_of(words, windows)
    assert len(windows) > 3
    for (start, end), place in zip(words, places, strict=True):
        assert place is not None
        window = windows[place.window]
        assert window.offsets[place.first][0] == start
        assert window.offsets[place.last][1] == end
        depth = {
            number: min(at, len(one.ids) - 1 - at)
            for number, one in enumerate(windows)
            for at, offset in enumerate(one.offsets)
            if offset[0] == start and offset[1] > start
        }
        inner = [number for number in depth if number not in (0, len(windows) - 1)]
        if set(depth) <= set(inner):
            assert depth[place.window] == max(depth.values())


def test_a_word_without_a_token_and_words_that_share_one_are_said(tmp_path) -> None:
    write_tokenizer(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = "the\u0301 camera"  # an accent of its own, which the tokenizer strips
    assert places_of(words_of(text), windows_of(tokenizer.encode(text))) == [
        Place(0, 1, 1),
        None,
        Place(0, 2, 2),
    ]
    bytes_ = families.bytes_of([])
    encoded = windows_of(bytes_.encode("the camera, really"))
    places = places_of(words_of("the camera, really"), encoded)
    assert [place.first for place in places] == sorted(place.first for place in places)
    assert None not in places


def test_windows_are_computed_a_few_at_a_time_and_given_back_to_their_texts(tmp_path, monkeypatch) -> None:
    write_tokenizer(tmp_path)
    monkeypatch.setattr(word_windows, "TOGETHER", 2)
    tokenizer = windowing(open_tokenizer(tmp_path, 10), 10)
    texts = ["camera " * 30, "", "great"]

    def compute(batch):
        assert len(batch["input_ids"]) <= 2
        return batch["input_ids"][:, :, None].astype(np.float32)

    long, empty, short = read(tokenizer, texts, compute)
    vocabulary = tokenizer.get_vocab()
    assert set(word_windows.at_words(long)[:, 0]) == {vocabulary["camera"]}
    assert len(long.words) == 30
    assert (empty.words, word_windows.at_words(empty).shape) == ([], (0, 1))
    assert word_windows.at_words(short).tolist() == [[vocabulary["great"]]]
