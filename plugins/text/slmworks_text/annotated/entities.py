"""Entities of a text from the forms that people have: marked parts, or words and their tags."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slmworks_text.annotated.conll import conll_rows, is_conll
from slmworks_text.annotated.forms import ReadFile, Warn, table_rows
from slmworks_text.annotated.marks import Annotated, BadRow, Mark
from slmworks_text.layout import Layout
from slmworks_text.streams import Meter
from slmworks_text.values import Values, Wanted

Scheme = Literal["iob", "words"]
Part = Literal["text", "entities", "tokens", "tags", "start", "end", "label", "value"]

COLUMNS = ("text", "entities", "tokens", "tags")
"""Parts that are columns; the others are keys of an entity."""
CONLL = "conll"
OUTSIDE = ("", "O", "o", "_")
TAG = re.compile(r"([BILUES])-(.+)")
FIRST = "BSU"
"""Marks of a first word."""

NO_ENTITIES = "no list of entities"
NO_TAGS = "no tag for every word"


@dataclass(frozen=True)
class EntityForm:
    """How entities are written."""

    fields: Mapping[str, str]
    """Part -> its name in the files, where that is another."""
    scheme: Scheme
    tag_names: tuple[str, ...]
    """Tags by number; empty: they are written out."""

    def rows_of(self, format_: str | None) -> ReadFile:
        """CoNLL's files by the format or their ending, else tables."""
        if format_ == CONLL:
            return conll_rows
        return table_rows if format_ else _by_ending

    def read(self, given: Mapping[str, Any], *, unlabelled: bool) -> Annotated:
        """The text and its entities, from the values of `COLUMNS`; BadRow for what is none."""
        if given["tokens"] is not None:
            return self._tagged(given, unlabelled=unlabelled)
        text = given["text"]
        if not isinstance(text, str) or not text.strip():
            missing = text is None or isinstance(text, str)
            raise BadRow("no text", "" if missing else f"it is {text!r:.40}", plain="")
        return Annotated(text, None if unlabelled else tuple(self._entities(text, given["entities"])))

    def _key(self, part: str) -> str:
        return self.fields.get(part, part)

    def _entities(self, text: str, value: Any) -> list[Mark]:
        found = parsed(value)
        if not isinstance(found, list):
            raise BadRow(NO_ENTITIES, f"entities are {value!r:.60}", plain="")
        return [self._entity(text, one) for one in found]

    def _entity(self, text: str, one: Any) -> Mark:
        """An object, or a list of start, end and label."""
        if isinstance(one, Mapping):
            start, end, label = (one.get(self._key(part)) for part in ("start", "end", "label"))
            value = one.get(self._key("value"))
        elif isinstance(one, (list, tuple)) and len(one) == 3:
            (start, end, label), value = one, None
        else:
            raise BadRow(NO_ENTITIES, f"an entity is {one!r:.60}", plain="")
        if not _is_number(start) or not _is_number(end) or not isinstance(label, str) or not label.strip():
            names = ", ".join(self._key(part) for part in ("start", "end", "label"))
            why = f"an entity lacks one of {names}"
            raise BadRow(NO_ENTITIES, f"{why}: {one!r:.80}", plain=why)
        mark = Mark(int(start or 0), int(end or 0), label.strip())
        if isinstance(value, str) and text[mark.start : mark.end] != value:
            raise BadRow(
                "an entity that is not there",
                f"{value!r:.40} is said to stand at {mark.start}, where the text has "
                f"{text[mark.start : mark.end]!r:.40}",
                plain=f"it is said to stand at {mark.start}",
            )
        return mark

    def _tagged(self, given: Mapping[str, Any], *, unlabelled: bool) -> Annotated:
        """Words with their tags; the text has a blank between two words."""
        words, tags = _list(given["tokens"]), _list(given["tags"])
        if not words or not all(isinstance(word, str) and word.strip() for word in words):
            raise BadRow("no list of words", f"tokens are {given['tokens']!r:.60}", plain="")
        places, at = [], 0
        for word in words:
            places.append((at, at + len(word)))
            at += len(word) + 1
        text = " ".join(words)
        if unlabelled:
            return Annotated(text, None)
        if not isinstance(tags, list) or len(tags) != len(words):
            count = len(tags) if isinstance(tags, list) else "no"
            raise BadRow(NO_TAGS, f"{len(words)} words and {count} tags")
        return Annotated(text, tuple(self._marks(places, tags)))

    def _marks(self, places: Sequence[tuple[int, int]], tags: Sequence[Any]) -> list[Mark]:
        found: list[Mark] = []
        open_label = ""
        for (start, end), tag in zip(places, map(self._name, tags), strict=True):
            if tag in OUTSIDE:
                open_label = ""
                continue
            mark, label = ("B", tag) if self.scheme == "words" else _split(tag)
            if mark not in FIRST and label == open_label:
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(Mark(start, end, label))
            open_label = label
        return found

    def _name(self, tag: Any) -> str:
        if self.tag_names and _is_number(tag):
            if not 0 <= int(tag) < len(self.tag_names):
                raise BadRow(NO_TAGS, f"the tag {tag} has no name among the {len(self.tag_names)} tag_names")
            return self.tag_names[int(tag)]
        if not isinstance(tag, str):
            why = "is a number: give tag_names, the names in their order"
            raise BadRow(NO_TAGS, f"the tag {tag!r:.40} {why}", plain=f"a tag {why}")
        return tag.strip()


def _by_ending(
    path: Path, layout: Layout, wanted: Wanted, meter: Meter, shown: str, warn: Warn
) -> Iterator[Values]:
    reader = conll_rows if is_conll(path) else table_rows
    return reader(path, layout, wanted, meter, shown, warn)


def _split(tag: str) -> tuple[str, str]:
    found = TAG.fullmatch(tag)
    if not found:
        why = "is neither O nor B-… or I-…; set scheme: words for a class a word"
        raise BadRow(NO_TAGS, f"the tag {tag!r:.40} {why}", plain=f"a tag {why}")
    return found[1], found[2]


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def parsed(value: Any) -> Any:
    """A cell of a table holds its list as JSON; an empty one holds none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else []
    except ValueError:
        return value


def _list(value: Any) -> Any:
    """A list; of text, what blanks separate, or JSON."""
    if isinstance(value, str):
        return parsed(value) if value.lstrip().startswith("[") else value.split()
    return value
