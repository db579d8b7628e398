"""Counts of what a tokenizer cuts off."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from slmworks.contract.artifact import Model
from slmworks.contract.truncation import NONE, Truncation
from slmworks.model_tasks.onnx_text import open_tokenizer

if TYPE_CHECKING:
    from tokenizers import Encoding


def count(encoded: Iterable["Encoding"]) -> Truncation:
    """Count what a tokenizer that cuts has cut off."""
    texts = cut_texts = tokens = cut_tokens = 0
    for one in encoded:
        beyond = sum(map(_words, one.overflowing))
        texts, cut_texts = texts + 1, cut_texts + (beyond > 0)
        tokens, cut_tokens = tokens + _words(one) + beyond, cut_tokens + beyond
    return Truncation(texts, cut_texts, tokens, cut_tokens)


def of_model(model: Model, texts: Sequence[str]) -> Truncation:
    """What a model with a `tokenizer.json` and a `max_length` in its header cuts off; nothing for others."""
    if "max_length" not in model.meta or not (model.path / "tokenizer.json").exists():
        return NONE
    tokenizer = open_tokenizer(model.path, int(model.meta["max_length"]))
    tokenizer.no_padding()
    well_formed = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    return count(tokenizer.encode_batch(well_formed))


def _words(encoding: "Encoding") -> int:
    """Tokens of the text itself."""
    return len(encoding.ids) - int(sum(encoding.special_tokens_mask))
