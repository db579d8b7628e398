"""A smaller vocabulary: other words are spelt in pieces, nothing becomes unknown, embeddings move along."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_torch.classification import load_classifier
from slmworks_torch.vocabulary import cut, shrink

TEXTS = ["The camera is great!", "this lamp looks ugly and slow"]


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder):
    return Tokenizer.from_file(str(tiny_encoder.path / "tokenizer.json"))


@pytest.fixture(scope="module")
def smaller(tokenizer):
    return cut(tokenizer, TEXTS, min_count=1)


def test_the_texts_keep_their_tokens(tokenizer, smaller):
    for text in TEXTS:
        assert smaller.tokenizer.encode(text).tokens == tokenizer.encode(text).tokens


def test_ids_follow_their_embeddings(tokenizer, smaller):
    for token, number in smaller.tokenizer.get_vocab().items():
        assert smaller.old_ids[number] == tokenizer.token_to_id(token)


def test_an_unseen_word_is_spelt_in_pieces(tokenizer, smaller):
    assert "keyboard" in tokenizer.encode("keyboard").tokens
    assert smaller.tokenizer.encode("keyboard").tokens == [
        "[CLS]",
        "k",
        *["##e", "##y", "##b", "##o", "##a", "##r", "##d"],
        "[SEP]",
    ]


def test_special_tokens_have_their_new_ids(smaller):
    encoded = smaller.tokenizer.encode("great")
    assert encoded.ids[0] == smaller.tokenizer.token_to_id("[CLS]")
    assert encoded.ids[-1] == smaller.tokenizer.token_to_id("[SEP]")


def test_lower_casing_survives(smaller):
    assert smaller.tokenizer.encode("GREAT").ids == smaller.tokenizer.encode("great").ids


@given(st.text(alphabet="abcdeghiklmnoprstuwy ABC.,!?'-0123é你", max_size=40))
def test_nothing_becomes_unknown_that_was_not(tokenizer, smaller, text):
    before, after = tokenizer.encode(text).tokens, smaller.tokenizer.encode(text).tokens
    assert after.count("[UNK]") == before.count("[UNK]")


def test_a_token_that_cannot_be_spelt_otherwise_stays():
    known = {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3, "aü": 4}
    tokenizer = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    assert set(cut(tokenizer, ["a"], min_count=1).tokenizer.get_vocab()) == {"[UNK]", "a", "##b", "aü"}


def test_rare_tokens_go_when_asked(tokenizer):
    texts = ["great camera", "great lamp"]
    kept = cut(tokenizer, texts, min_count=2).tokenizer.get_vocab()
    assert "great" in kept
    assert "camera" not in kept


def test_characters_of_other_scripts_go_when_asked():
    letters = ["a", "b", "é", "你"]
    tokens = ["[UNK]", *letters, *(f"##{letter}" for letter in letters), "ab", "é你"]
    known = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    every, seen = (cut(tokenizer, ["aé"], min_count=1, characters=which) for which in ("all", "seen"))
    assert set(every.tokenizer.get_vocab()) == set(tokens) - {"ab", "é你"}
    assert set(seen.tokenizer.get_vocab()) == {"[UNK]", "a", "##a", "b", "##b", "é", "##é"}
    assert seen.tokenizer.encode("ab a你").tokens == ["a", "##b", "[UNK]"]


def test_tokens_that_were_added_to_a_tokenizer_stay():
    known = {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3}
    tokenizer = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_tokens(["<EMAIL>"])
    smaller = cut(tokenizer, ["a"], min_count=1)
    assert smaller.tokenizer.encode("a <EMAIL> ab").tokens == ["a", "<EMAIL>", "a", "##b"]
    number = smaller.tokenizer.token_to_id("<EMAIL>")
    assert smaller.old_ids[number] == 4


def test_only_wordpiece_can_be_cut():
    with pytest.raises(BadRequest, match="this one is BPE; use vocabulary: keep"):
        cut(Tokenizer(models.BPE()), ["a"], min_count=1)


def test_a_shrunk_model_says_the_same(tiny_classifier):
    import torch

    labels = labels_of(tiny_classifier)
    whole, less = (load_classifier(tiny_classifier, labels, port="model") for _ in range(2))
    less = shrink(less, TEXTS, min_count=1)
    assert less.parameters < whole.parameters
    assert less.net.config.vocab_size == less.tokenizer.get_vocab_size()
    with torch.no_grad():
        for text in TEXTS:
            a, b = (c.net(**c.encode([text]).batch([0], torch.device("cpu"))).logits for c in (whole, less))
            assert torch.equal(a, b)


def test_a_saved_one_loads_anywhere(tiny_classifier, tmp_path):
    from transformers import AutoTokenizer

    less = shrink(
        load_classifier(tiny_classifier, labels_of(tiny_classifier), port="model"), TEXTS, min_count=1
    )
    less.save(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in [*TEXTS, "Keyboards, naïve!"]:
        assert loaded(text)["input_ids"] == less.tokenizer.encode(text).ids
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == len(loaded)
