"""Lengths of conversations: in tokens of a tokenizer.json, or in words."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_text.shingles import BURMESE, HAN, KANA, KHMER, THAI


class Words:
    """Lengths in words, where no tokenizer is given."""

    unit = "words"

    def of(self, texts: Sequence[str]) -> int:
        """Words of all texts."""
        return sum(len(text.split()) for text in texts)

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Beginning and end of each word of each text; in scripts without blanks, of each character."""
        return [[found.span() for found in _word().finditer(text)] for text in texts]


class Tokens:
    """Lengths in tokens of a tokenizer: of the contents, without what a chat template puts around them."""

    unit = "tokens"

    def __init__(self, folder: Path, shown: str) -> None:
        """Read the one tokenizer.json in a folder; BadRequest where there is none, or it can't be read."""
        from tokenizers import Tokenizer

        found = sorted(folder.rglob("tokenizer.json"))
        if len(found) != 1:
            there = (
                ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())[:5]) or "nothing"
            )
            raise BadRequest(
                f"with.tokenizer: the input '{shown}' must hold one tokenizer.json (there is: {there})."
            )
        try:
            self.tokenizer = Tokenizer.from_file(str(found[0]))
        except Exception as error:  # noqa: BLE001 (the library raises bare Exception)
            raise BadRequest(
                f"{shown}/{found[0].name}: no tokenizer that the tokenizers library can read ({error})."
            ) from None
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def of(self, texts: Sequence[str]) -> int:
        """Tokens of all texts, each taken by itself."""
        return sum(len(self.tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Beginning and end of each token of each text, taken by itself, in characters."""
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [list(one.offsets) for one in found]


Measure = Words | Tokens


@cache
def _word() -> re.Pattern[str]:
    bare = HAN + KANA + THAI + BURMESE + KHMER
    return re.compile(rf"[{bare}]|[^\s{bare}]+")


def contents(messages: Iterable[tuple[str, str]]) -> list[str]:
    """The contents of messages, tools included: a model reads them too."""
    return [content for _, content in messages]
