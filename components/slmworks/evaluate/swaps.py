"""Words swapped for others in texts: counterfactual rows that differ in a name or a group only."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import HEADER, Files
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.evaluate import swap_list

COLUMNS = ("kind", "word", "swap")
UNTOUCHED = frozenset({"role"})
"""Keys of mappings in a row whose values are no text: who says a message."""


@dataclass(frozen=True)
class Swaps:
    """The words of one kind, each with its partner.

    A word in small letters is found however it is written, and its partner is written alike; any other one is
    found as it stands. Partners go both ways unless a word has a line of its own.
    """

    kind: str
    partners: Mapping[str, str]
    """Word -> partner; empty for a word that has none, whose texts are left out."""

    @classmethod
    def of(cls, kind: str, lines: Sequence[tuple[str, str]]) -> "Swaps":
        """From lines (word, partner): the first of a word counts, before any whose partner it is."""
        own: dict[str, str] = {}
        for word, partner in lines:
            own.setdefault(word, partner)
        back = {partner: word for word, partner in reversed(lines) if partner}
        return cls(kind, {**back, **own})

    @cached_property
    def _pattern(self) -> "re.Pattern[str]":
        exact = [word for word in self.partners if word != word.lower()]
        any_case = [word for word in self.partners if word == word.lower()]
        parts = [
            f"(?{flags}:{'|'.join(re.escape(word) for word in sorted(words, key=len, reverse=True))})"
            for flags, words in (("", exact), ("i", any_case))
            if words
        ]
        return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)")

    def swapped(self, value: Any) -> tuple[Any, list[str]]:
        """A text, or texts in lists and mappings, with every word swapped, and the words that were found."""
        found: list[str] = []
        return self._in(value, found), found

    def moved(self, answer: Any, text: str) -> Any:
        """An answer about a text, about the swapped text: words swapped, `start` and `end` of spans moved."""
        return self._moved(self.swapped(answer)[0], self._shifts(text))

    def has_partners(self, words: Iterable[str]) -> bool:
        """True if all these words have one."""
        return all(self.partners[word] for word in words)

    def _in(self, value: Any, found: list[str]) -> Any:
        if isinstance(value, str):
            return self._pattern.sub(lambda match: self._partner(match[0], found), value)
        if isinstance(value, Mapping):
            return {key: one if key in UNTOUCHED else self._in(one, found) for key, one in value.items()}
        return [self._in(one, found) for one in value] if isinstance(value, (list, tuple)) else value

    def _shifts(self, text: str) -> list[tuple[int, int]]:
        """(end of a word that is swapped, how much longer its partner is), in characters."""
        found: list[str] = []
        return [
            (match.end(), len(self._partner(match[0], found)) - len(match[0]))
            for match in self._pattern.finditer(text)
        ]

    def _moved(self, value: Any, shifts: Sequence[tuple[int, int]]) -> Any:
        if isinstance(value, list):
            return [self._moved(one, shifts) for one in value]
        if not isinstance(value, Mapping):
            return value
        at = {key: value[key] for key in ("start", "end") if isinstance(value.get(key), int)}
        to = {key: place + sum(more for end, more in shifts if end <= place) for key, place in at.items()}
        return {key: self._moved(one, shifts) for key, one in value.items()} | to

    def _partner(self, written: str, found: list[str]) -> str:
        word = written if written in self.partners else written.lower()
        if word not in self.partners:  # İ, ſ: the pattern's case knows more than lower()
            return written
        found.append(word)
        partner = self.partners[word]
        if word == written or not partner:
            return partner or written
        if written.isupper() and len(written) > 1:
            return partner.upper()
        return partner[:1].upper() + partner[1:] if written[:1].isupper() else partner


def read(probes: Files | None, kinds: Sequence[str] = ()) -> list[Swaps]:
    """The lists in the files, or ours, of the named kinds; BadRequest for a file that holds none."""
    lines = _lines(probes) if probes is not None else swap_list.swaps()
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for kind, word, partner in lines:
        by_kind.setdefault(kind, []).append((word, partner))
    for kind in kinds:
        if kind not in by_kind:
            raise BadRequest(f"kinds: no list of words is called '{kind}'. {did_you_mean(kind, by_kind)}")
    return [Swaps.of(kind, lines) for kind, lines in by_kind.items() if not kinds or kind in kinds]


def _lines(probes: Files) -> list[tuple[str, str, str]]:
    files = sorted(path for path in probes.path.rglob("*") if path.is_file() and path.name != HEADER)
    found = [line for path in files for line in _read(path)]
    if not any(partner for _kind, _word, partner in found):
        raise BadRequest(f"probes: no words to swap; give it a CSV file with the columns {_columns()}.")
    return found


def _read(path: Path) -> list[tuple[str, str, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest(f"probes: {path.name} is no UTF-8 text; save it as CSV in UTF-8.") from None
    rows = csv.DictReader(text.splitlines())
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise BadRequest(
            f"probes: {path.name} has no column '{missing[0]}'; its first line must name {_columns()}."
        )
    found = []
    for row in rows:
        kind, word, partner = ((row[name] or "").strip() for name in COLUMNS)
        if not kind or not word or word == partner:
            wrong = "no kind" if not kind else "no word" if not word else f"'{word}' for itself"
            raise BadRequest(
                f"probes: {path.name}, line {rows.line_num} has {wrong}; a line is kind,word,swap (an empty "
                "swap leaves out the texts with that word)."
            )
        found.append((kind, word, partner))
    return found


def _columns() -> str:
    return f"{', '.join(COLUMNS[:-1])} and {COLUMNS[-1]}"
