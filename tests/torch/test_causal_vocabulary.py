"""A cut byte-level BPE writes every text, and training text with the tokens that it had."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cut_students import FAMILIES, loaded, logits, opened, saved, student, teacher
from orders import dataset, orders, row
from tokenizers import Tokenizer
from toys import bpe, exported, save, toy

import torch
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_gguf.texts import COMPOSED, DECOMPOSED
from slmworks_torch.causal import byte_level, examples
from slmworks_torch.causal.vocabulary_cut import kept_ids

FEWER = 330


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"), train=24, validation=6)


def tokenizer(model: Model) -> Tokenizer:
    return Tokenizer.from_file(str(model.path / "tokenizer.json"))


@pytest.mark.parametrize("family", FAMILIES)
def test_kept_tokens_have_the_logits_that_they_had(
    family: str, bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = teacher(tmp_path / "teacher", family)
    model = saved(student(bench, whole, data, vocabulary=FEWER), tmp_path / "student")
    made, kept = opened(model), kept_ids(model.path)
    assert kept is not None
    assert len(kept) == made.config.vocab_size == len(made.get_input_embeddings().weight)
    ids = [3, 300, 7, 150, 9, 329, 260]
    expected = logits(opened(whole), [kept[token] for token in ids])[:, kept]
    torch.testing.assert_close(logits(made, ids), expected)
    names = [tokenizer(one).id_to_token for one in (model, whole)]
    assert [names[0](new) for new in range(FEWER)] == [names[1](old) for old in kept]


def test_training_text_keeps_its_tokens_and_all_text_comes_back(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = toy(tmp_path / "teacher", "llama")
    made = student(bench, whole, data, vocabulary=FEWER)
    model = saved(made, tmp_path / "student")
    kept = kept_ids(model.path) or []
    before, after = loaded(whole), loaded(model)
    for one in examples.read(data, "train"):
        old, new = (examples.tokens(chat, one, "train") for chat in (before, after))
        assert tuple([kept[token] for token in part] for part in new) == old
    for text in (*COMPOSED, *DECOMPOSED, "<|im_start|>user\nhi<|im_end|>"):
        assert tokenizer(model).decode(tokenizer(model).encode(text).ids, skip_special_tokens=False) == text
    assert after.chat.templates == before.chat.templates
    assert [kept[end] for end in after.ends] == list(before.ends)
    assert made.shape["vocabulary"] == FEWER


def test_held_out_text_gets_longer_by_what_the_summary_says(bench: Bench, tmp_path: Path) -> None:
    rows = [row([("user", "I see")], "so")]
    held_out = [row([("user", "The quick brown fox jumps over the lazy dog.")], "rock'n'roll, o'clock")]
    data = dataset(tmp_path / "data", train=rows, validation=held_out)
    whole = toy(tmp_path / "teacher", "llama")
    made = student(bench, whole, data, vocabulary=280)
    (one,) = examples.read(data, "validation")
    count = [sum(map(len, examples.tokens(chat, one, "validation"))) for chat in (loaded(whole), made)]
    assert made.shape["extra_tokens"] == pytest.approx(count[1] / count[0] - 1, abs=1e-4)
    assert made.shape["extra_tokens"] > 0.05


def test_what_the_training_text_uses_stays_and_then_the_earliest_merges(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = toy(tmp_path / "teacher", "llama")
    said = json.loads((whole.path / "tokenizer.json").read_text())
    rows = examples.read(data, "train")
    used = {token for one in rows for part in examples.tokens(loaded(whole), one, "train") for token in part}
    kept = byte_level.kept(said, used, FEWER, port="teacher")
    assert used <= set(kept)
    merged = [said["model"]["vocab"]["".join(merge)] for merge in said["model"]["merges"]]
    by_rank = [token for token in merged if token not in used]
    parts = {token for token in by_rank if token in kept}
    earliest = by_rank[: by_rank.index(max(parts, key=by_rank.index)) + 1]
    # but for a few later ones, that used tokens are made of
    assert len(set(earliest) - parts) <= len(earliest) - len(parts)
    assert byte_level.kept(said, used, 400, port="teacher") == list(range(400))


def merged_twice() -> Any:
    """'abc' is made of 'ab' and 'c', or of 'a' and 'bc'."""
    vocabulary = {
        token: number for number, token in enumerate(["a", "b", "c", "x", "bc", "ab", "abc", "xa", "abcx"])
    }
    merges = ["b c", "x a", "a b", "a bc", "ab c", "abc x"]
    return {"added_tokens": [], "model": {"type": "BPE", "vocab": vocabulary, "merges": merges}}


def test_a_token_stays_with_all_that_it_is_made_of() -> None:
    said = merged_twice()
    assert byte_level.kept(said, [6], 7, port="teacher") == [0, 1, 2, 3, 4, 5, 6]
    with pytest.raises(BadRequest, match="are 7 tokens of the teacher's, more than 6; take 7 or more"):
        byte_level.kept(said, [6], 6, port="teacher")
    found = byte_level.rewritten(said, [0, 1, 2, 3, 4, 5, 6])
    assert found["model"]["merges"] == [["b", "c"], ["a", "b"], ["a", "bc"], ["ab", "c"]]
    assert found["model"]["vocab"] == {"a": 0, "b": 1, "c": 2, "x": 3, "bc": 4, "ab": 5, "abc": 6}


def test_special_tokens_around_a_text_move_with_their_ids(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = toy(tmp_path / "teacher", "llama", rule="llama-bpe")
    for name, changed in (
        ("generation_config.json", {"eos_token_id": [2, 399], "suppress_tokens": [0, 398]}),
    ):
        said = json.loads((whole.path / name).read_text())
        (whole.path / name).write_text(json.dumps({**said, **changed}))
    model = saved(student(bench, sealed(whole), data, vocabulary=FEWER), tmp_path / "student")
    kept = kept_ids(model.path) or []
    assert tokenizer(model).encode("I see").ids[0] == kept.index(1)
    said = json.loads((model.path / "generation_config.json").read_text())
    assert [kept[token] for token in said["eos_token_id"]] == [2, 399]
    assert [kept[token] for token in said["suppress_tokens"]] == [0]
    assert {kept[loaded(model).text_end], kept[loaded(model).turn_end]} == {2}
    assert opened(model).config.pad_token_id == kept.index(0)


@pytest.mark.parametrize("rule", ["llama-bpe", "tekken", "gpt-2"])
def test_the_name_of_the_pre_tokenizer_is_read_off_a_cut_tokenizer(
    rule: str, bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = toy(tmp_path / "teacher", "llama", rule=rule)
    cut = saved(student(bench, whole, data, vocabulary=FEWER), tmp_path / "student")
    assert "gguf" not in cut.meta
    file = exported(cut, bench)
    assert file.summary["proof_texts"] > 200


def test_a_cut_of_a_cut_model_names_the_ids_of_the_whole_one(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = toy(tmp_path / "teacher", "llama")
    first = saved(student(bench, whole, data, vocabulary=360), tmp_path / "first")
    second = saved(
        student(bench, whole, data, given=first, vocabulary=FEWER, name="again"), tmp_path / "second"
    )
    kept, small = kept_ids(first.path) or [], kept_ids(second.path) or []
    assert set(small) < set(kept)
    assert [tokenizer(whole).id_to_token(old) for old in small] == [
        tokenizer(second).id_to_token(new) for new in range(FEWER)
    ]
    assert [kept[token] for token in kept_ids(second.path, of=first.path) or []] == small
    assert kept_ids(whole.path) is None
    with pytest.raises(
        BadRequest, match="student: its vocabulary keeps the token .* which its teacher's lacks"
    ):
        kept_ids(first.path, of=second.path)


def other_tokenizer(kind: str) -> Tokenizer:
    from tokenizers import models, pre_tokenizers

    words = {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2, "[UNK]": 3, "a": 4, "b": 5}
    model: Mapping[str, Any] = {
        "WordPiece": lambda: models.WordPiece(words, unk_token="[UNK]"),
        "Unigram": lambda: models.Unigram([(word, -1.0) for word in words], unk_id=3),
        "BPE with byte fallback": lambda: models.BPE(words, [], byte_fallback=True, unk_token="[UNK]"),
    }
    found = Tokenizer(model[kind]())
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    return found


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram", "BPE with byte fallback"])
def test_other_vocabularies_are_refused(kind: str, bench: Bench, tmp_path: Path, data: Dataset) -> None:
    whole = toy(tmp_path / "teacher", "llama")
    save(other_tokenizer(kind), whole.path)
    with pytest.raises(
        BadRequest, match=f"vocabulary: the teacher's tokenizer is {kind}, and only a byte-level"
    ):
        student(bench, sealed(whole), data, vocabulary=5)


def test_more_tokens_than_there_are_and_too_few_are_refused(
    bench: Bench, tmp_path: Path, data: Dataset
) -> None:
    whole = toy(tmp_path / "teacher", "llama")
    with pytest.raises(BadRequest, match="vocabulary: the teacher has 400 tokens, and 401 are asked for"):
        student(bench, whole, data, vocabulary=401)
    with pytest.raises(BadRequest, match=r"uses are \d+ tokens of the teacher's, more than 100; take \d+ or"):
        student(bench, whole, data, vocabulary=100, name="few")
    assert bpe("smollm").get_vocab_size() == 400
