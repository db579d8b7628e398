"""`words`: rows in which words of a list occur, dropped or masked."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import PositiveInt, model_validator

from slmworks.contract.errors import BadRequest
from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow
from slmworks_text.shingles import letters_of

MASK = "***"


class Words(RowOperator):
    """Drop rows in which words or phrases of a list occur, or mask these words; case makes no difference."""

    words: tuple[str, ...] = ()
    """Words and phrases."""
    input: str | None = None
    """Input of the step with more of them, one a line; no empty lines nor those that begin with #."""
    action: Literal["drop", "mask"] = "drop"
    """`drop` the row, or put `***` in the place of each word."""
    least: PositiveInt = 1
    """Rows are dropped from so many occurrences on."""
    within: bool = False
    """Also within words, as Chinese, Japanese and Thai need it; otherwise `ass` is not found in `class`."""

    @model_validator(mode="after")
    def _words_are_named(self) -> Self:
        if not self.words and not self.input:
            raise ValueError("name words, or an input that lists them")
        for word in self.words:
            if not (word.strip() if self.within else _word().search(word)):
                raise ValueError(f"no word: {word!r}")
        if self.least > 1 and self.action == "mask":
            raise ValueError("least is about rows that are dropped; leave it out with action: mask")
        return self

    def reads(self) -> tuple[str, ...]:
        """The input with the list."""
        return (self.input,) if self.input else ()

    def opened(self, folders: Mapping[str, Path]) -> "Words":
        """With the words of the input; BadRequest for one without any."""
        if not self.input:
            return self
        found = tuple(_listed(folders[self.input], self.input))
        if not found:
            raise BadRequest(f"with.operators.words: the input '{self.input}' lists no words, one a line.")
        return self.model_copy(update={"words": (*self.words, *found)})

    def apply(self, row: TextRow) -> Dropped | Kept | None:
        """Dropped with the first word, or with the words masked."""
        places = [list(self._places(text)) for text in row.texts]
        count = sum(map(len, places))
        if not count or (self.action == "drop" and count < self.least):
            return None
        if self.action == "drop":
            first = next(
                text[spot[0][0] : spot[0][1]] for text, spot in zip(row.texts, places, strict=True) if spot
            )
            return Dropped("listed word", f"{first!r}" + (f", {count} in all" if count > 1 else ""))
        masked = tuple(_masked(text, spots) for text, spots in zip(row.texts, places, strict=True))
        return Kept(texts=masked, change="masked", found={"words masked": count})

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        if self.within:
            yield from (found.span() for found in _anywhere(self.words).finditer(text))
            return
        known, longest = _phrases(self.words)
        spans = [found.span() for found in _word().finditer(text)]
        parts = [text[start:end].casefold() for start, end in spans]
        at = 0
        while at < len(parts):
            for size in range(min(longest, len(parts) - at), 0, -1):
                if tuple(parts[at : at + size]) in known:
                    yield spans[at][0], spans[at + size - 1][1]
                    at += size - 1
                    break
            at += 1


@cache
def _word() -> re.Pattern[str]:
    """Letters and digits with their combining marks: so are the vowel signs of Hindi and Tamil."""
    return re.compile(rf"\w[\w{letters_of('Mn', 'Mc', 'Me')}]*")


def _masked(text: str, spots: list[tuple[int, int]]) -> str:
    for start, end in reversed(spots):
        text = f"{text[:start]}{MASK}{text[end:]}"
    return text


@cache
def _phrases(words: tuple[str, ...]) -> tuple[frozenset[tuple[str, ...]], int]:
    """Each phrase as its words, and how many the longest has."""
    found = frozenset(tuple(_word().findall(word.casefold())) for word in words)
    return found, max(map(len, found))


@cache
def _anywhere(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted((word.strip() for word in words), key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


def _listed(folder: Path, name: str) -> Iterator[str]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise BadRequest(f"{name}/{path.name}: not a list of words in UTF-8, one a line.") from None
        yield from (line.strip() for line in lines if _word().search(line) and not line.startswith("#"))
