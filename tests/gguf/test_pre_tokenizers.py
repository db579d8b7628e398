"""Each rule splits text as llama.cpp does for its name."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel
from toys import exported, imported, save, toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.testing import Bench
from slmworks_gguf import converter, proof
from slmworks_gguf.llama_cpp import opened
from slmworks_gguf.pre_tokenizers import RULES, recognised


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_splits_as_llama_cpp_does(rule: str, tmp_path: Path) -> None:
    """The vocabulary was learnt with the rule from these very texts: pieces split elsewhere are other tokens."""
    model = toy(tmp_path / "toy", rule=rule)
    file = tmp_path / "model.gguf"
    converter.write(model.path, file, kind="f16", rule=rule, general={}, scratch=tmp_path)
    tokenizer = Tokenizer.from_file(str(model.path / "tokenizer.json"))
    with opened(file, threads=1) as llama:
        texts, tokens = proof.same_tokens(proof.encoded(tokenizer), llama, at=rule)
        assert llama.add_bos == RULES[rule].whole_words
    assert texts >= 115
    assert tokens > 2000


def test_rules_are_told_apart_by_the_texts(llama_gguf: Model, llama: Model) -> None:
    """A proof that can't fail proves nothing: each other rule differs somewhere from llama.cpp's `smollm`."""
    others = {rule for rule in RULES.values() if rule != RULES["smollm"]}
    tokenizer = Tokenizer.from_file(str(llama.path / "tokenizer.json"))
    with opened(llama_gguf.path / "model.gguf", threads=1) as opened_llama:
        for rule in others:
            tokenizer.pre_tokenizer = rule.build()
            with pytest.raises(
                TaskFailed, match=r"the text '.*' has \d+ tokens in tokenizer.json and \d+ in"
            ):
                proof.same_tokens(proof.encoded(tokenizer), opened_llama, at="x")


@pytest.mark.parametrize("rule", ["qwen2", "smollm", "gpt-2", "llama-bpe", "dbrx", "tekken"])
def test_a_rule_is_recognised_to_the_letter(rule: str, tmp_path: Path) -> None:
    model = toy(tmp_path / "toy", rule=rule)
    assert RULES[recognised(model.path)] == RULES[rule]
    nameless = Model(path=model.path, meta={})
    out = exported(nameless, Bench(tmp_path))
    assert RULES[out.meta["gguf"]["pre"]] == RULES[rule]


def test_a_rule_that_llama_cpp_has_no_name_for_is_refused(llama: Model, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(llama.path, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=True)
    save(tokenizer, folder)
    with pytest.raises(BadRequest, match="llama.cpp has no name for how its tokenizer splits text"):
        exported(Model(path=folder, meta={}), Bench(tmp_path))
    with pytest.raises(TaskFailed, match="what is trained on one cannot be served by the other"):
        exported(Model(path=folder, meta={"gguf": {"pre": "smollm"}}), Bench(tmp_path), "again")


def test_the_text_that_hides_a_wrong_rule(tmp_path: Path) -> None:
    """transformers' own reading of a GGUF file splits digits by luck and this text wrongly."""
    bench = Bench(tmp_path)
    back = imported(exported(toy(tmp_path / "toy"), bench), bench)
    tokenizer = Tokenizer.from_file(str(back.path / "tokenizer.json"))
    assert [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("\n\n1.")] == ["ĊĊ", "1", "."]
