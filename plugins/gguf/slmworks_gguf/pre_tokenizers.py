"""Pre-tokenizers by the name that a GGUF file has for them (`tokenizer.ggml.pre`).

A GGUF file holds a byte-level BPE vocabulary and only the *name* of the rule that splits text before it. The
rules here are those of the models that the names are called after, as their tokenizer.json writes them; that
each splits as llama.cpp does is proved by a test, and again in every import and export. An unknown name is
refused: a rule that is nearly right differs in one text of twenty and is noticed by nobody.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

_SUFFIXES = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_SIGNS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
_WORDS = rf"(?:{_SUFFIXES})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


@dataclass(frozen=True)
class Rule:
    """How text is split before BPE."""

    pattern: str = ""
    """What one piece matches; empty: GPT-2's pattern."""
    digits: bool = False
    """Each digit is a piece of its own, before GPT-2's pattern."""
    whole_words: bool = False
    """A piece that is in the vocabulary is one token, whatever the merges say."""

    def build(self) -> "PreTokenizer":
        """The rule as tokenizers runs it, bytes as characters included."""
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

        if self.pattern:
            pieces = Split(Regex(self.pattern), behavior="isolated", invert=False)
            return Sequence([pieces, ByteLevel(add_prefix_space=False, use_regex=False)])
        level = ByteLevel(add_prefix_space=False, use_regex=True)
        return Sequence([Digits(individual_digits=True), level]) if self.digits else level


_GPT2 = Rule()
_DIGITS = Rule(digits=True)
_LLAMA3 = Rule(_WORDS + r"|\p{N}{1,3}" + _SIGNS + _SPACES, whole_words=True)
_DBRX = Rule(_LLAMA3.pattern)
_QWEN2 = Rule(_WORDS + r"|\p{N}" + _SIGNS + _SPACES)
_TEKKEN = Rule(
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _SPACES,
    whole_words=True,
)

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("gpt-2", "mpt", "olmo", "phi-2"), _GPT2),
    **dict.fromkeys(("codeshell", "command-r", "exaone", "refact", "smollm", "starcoder"), _DIGITS),
    **dict.fromkeys(("falcon3", "lfm2", "llama-bpe", "llama-v3", "llama3"), _LLAMA3),
    **dict.fromkeys(("dbrx", "smaug-bpe"), _DBRX),
    **dict.fromkeys(("deepseek-r1-qwen", "hunyuan", "qwen2", "stablelm2"), _QWEN2),
    "tekken": _TEKKEN,
}
"""Name in a GGUF file -> rule."""


def recognised(folder: Path) -> str:
    """The name of the rule in a folder's tokenizer.json, which must be one of ours to the letter; or empty.

    The first name, where several names have that rule: llama.cpp splits alike for all of them.
    """
    said = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    whole_words = bool(said["model"].get("ignore_merges"))
    ours = _essence(said.get("pre_tokenizer"))
    for name in sorted(RULES):
        if RULES[name].whole_words == whole_words and _essence(_as_json(RULES[name])) == ours:
            return name
    return ""


def _as_json(rule: Rule) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = rule.build()
    return json.loads(tokenizer.to_str())["pre_tokenizer"]


def _essence(said: Any) -> Any:
    """A pre-tokenizer's JSON without what splits nothing (offsets) and without a sequence of one."""
    if isinstance(said, list):
        return [_essence(one) for one in said]
    if not isinstance(said, dict):
        return said
    if said.get("type") == "Sequence" and len(said.get("pretokenizers", ())) == 1:
        return _essence(said["pretokenizers"][0])
    return {name: _essence(value) for name, value in said.items() if name != "trim_offsets"}
