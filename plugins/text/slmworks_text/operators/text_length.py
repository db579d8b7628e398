"""`length`: rows that are too short or too long, in characters, words or tokens."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, Self

from pydantic import PositiveInt, PrivateAttr, model_validator

from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow
from slmworks_text.conversations.token_lengths import Measure, Tokens

LIMITS = {"min_chars": "max_chars", "min_words": "max_words", "min_tokens": "max_tokens"}


class TextLength(RowOperator):
    """Drop rows by the length of their texts together, in characters, words between blanks, or tokens."""

    depends_on: ClassVar[tuple[str, ...]] = ("tokenizers",)

    min_chars: PositiveInt | None = None
    """The fewest characters."""
    max_chars: PositiveInt | None = None
    """The most characters."""
    min_words: PositiveInt | None = None
    """The fewest words; Chinese, Japanese and Thai have no blanks: count characters there."""
    max_words: PositiveInt | None = None
    """The most words."""
    min_tokens: PositiveInt | None = None
    """The fewest tokens of `tokenizer`."""
    max_tokens: PositiveInt | None = None
    """The most tokens of `tokenizer`, without those that a model's template adds."""
    tokenizer: str | None = None
    """Input of the step that holds the tokenizer.json."""

    _folder: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _limits_make_sense(self) -> Self:
        given = {name: getattr(self, name) for pair in LIMITS.items() for name in pair}
        if all(limit is None for limit in given.values()):
            raise ValueError(f"set a limit: {', '.join(given)}")
        for least, most in LIMITS.items():
            if given[least] is not None and given[most] is not None and given[least] > given[most]:
                raise ValueError(f"{least} {given[least]} is more than {most} {given[most]}")
        if (given["min_tokens"] or given["max_tokens"]) and not self.tokenizer:
            raise ValueError("tokens need a tokenizer: name the input that holds its tokenizer.json")
        return self

    def reads(self) -> tuple[str, ...]:
        """The tokenizer's input."""
        return (self.tokenizer,) if self.tokenizer else ()

    def opened(self, folders: Mapping[str, Path]) -> "TextLength":
        """With the tokenizer's folder."""
        if not self.tokenizer:
            return self
        folder = folders[self.tokenizer]
        _measure(folder, self.tokenizer)  # a folder without one is refused before any row is read
        found = self.model_copy()
        found.__pydantic_private__ = {"_folder": folder}
        return found

    def apply(self, row: TextRow) -> Dropped | Kept | None:
        """Dropped, with the length."""
        return (
            _judged("characters", sum(map(len, row.texts)), self.min_chars, self.max_chars)
            or _judged("words", sum(len(t.split()) for t in row.texts), self.min_words, self.max_words)
            or (self._tokens(row) if self.min_tokens or self.max_tokens else None)
        )

    def _tokens(self, row: TextRow) -> Dropped | None:
        assert self._folder is not None
        assert self.tokenizer is not None
        found = _measure(self._folder, self.tokenizer).of(row.texts)
        return _judged("tokens", found, self.min_tokens, self.max_tokens)


def _judged(unit: str, length: int, least: int | None, most: int | None) -> Dropped | None:
    if least is not None and length < least:
        return Dropped(f"too few {unit}", f"{_counted(length, unit)}, at least {least:,}")
    if most is not None and length > most:
        return Dropped(f"too many {unit}", f"{_counted(length, unit)}, at most {most:,}")
    return None


def _counted(length: int, unit: str) -> str:
    return f"{length:,} {unit if length != 1 else unit.removesuffix('s')}"


@cache
def _measure(folder: Path, name: str) -> Measure:
    return Tokens(folder, name)
