"""Slot filling by alignment: the nearest training answer with the new message's values, by rules alone.

A value of a JSON answer that stands in its message is a *slot*. In a new message it is looked for by its
shape (runs of letters and digits) and by the pieces around it, as counted in the training rows (extraction
patterns: Riloff, 1996).
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

_PIECE = re.compile(r"\w+|[^\w\s]")
_RUN = re.compile(r"A+|a+|9+")
LONGEST = 12
"""Pieces (words and signs) of a value at most."""

Path = tuple[str | int, ...]
"""Keys and places on the way to a value."""
Span = tuple[int, int]
"""First piece of a message, and the one behind the last."""


class Slots:
    """Shapes and neighbours of the values of each key, learnt from messages and their JSON answers."""

    def __init__(self, texts: Sequence[str], answers: Sequence[Any]) -> None:
        """Align each answer, a value of JSON, with its message."""
        self._counts: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self._slots = []
        for text, answer in zip(texts, answers, strict=True):
            message, found = Message(text), {}
            for path, value in _leaves(answer):
                if (span := message.find(value)) is not None:
                    found[path] = value
                    self._counts[_name(path)].update(message.features(span))
            self._slots.append(found)
        self._answers = answers

    @property
    def found(self) -> bool:
        """True if any value of an answer stands in its message."""
        return any(self._slots)

    def filled(self, place: int, text: str) -> str:
        """The answer of the training row at `place`, as JSON, with the values of another message."""
        message, taken, new = Message(text), list[Span](), dict[Path, Any]()
        # The longest shapes first: `9` is in `9:9` too.
        longest = sorted(self._slots[place].items(), key=lambda one: -len(self._shape(_name(one[0]))))
        for path, value in longest:
            best = self._best(_name(path), message, taken)
            if best is not None:
                taken.append(best)
                new[path] = _as_kind(message.text(best), value)
        return json.dumps(_replaced(self._answers[place], new), ensure_ascii=False)

    def _shape(self, key: str) -> str:
        """The most frequent shape of a key's values."""
        shapes = {one: count for one, count in self._counts[key].items() if one[0] == "shape"}
        return max(shapes, key=shapes.__getitem__)[1]

    def _best(self, key: str, message: "Message", taken: Sequence[Span]) -> Span | None:
        """The likeliest free part of a message for a key; None where there is no known shape."""
        counts = self._counts[key]

        def likely(span: Span) -> tuple[int, int]:
            return sum(counts[one] for one in message.features(span)), -span[0]

        free = (one for one in message.spans if all(one[1] <= a or one[0] >= b for a, b in taken))
        return max((one for one in free if counts[message.features(one)[0]]), key=likely, default=None)


class Message:
    """A text in words and signs."""

    def __init__(self, text: str) -> None:
        """Cut it."""
        self._text, self._pieces = text, [one.span() for one in _PIECE.finditer(text)]

    @cached_property
    def spans(self) -> list[Span]:
        """Every run of `LONGEST` pieces or fewer."""
        count = len(self._pieces)
        return [(a, b) for a in range(count) for b in range(a + 1, min(a + LONGEST, count) + 1)]

    def text(self, span: Span) -> str:
        """The text of a span, as it stands there."""
        return self._text[self._pieces[span[0]][0] : self._pieces[span[1] - 1][1]]

    def find(self, value: Any) -> Span | None:
        """Where a value stands first, in whole words; None where it doesn't."""
        wanted = value if isinstance(value, str) else json.dumps(value)
        starts, ends = ({one[side]: at for at, one in enumerate(self._pieces)} for side in (0, 1))
        for one in re.finditer(re.escape(wanted), self._text) if wanted.strip() else ():
            if one.start() in starts and one.end() in ends:
                return starts[one.start()], ends[one.end()] + 1
        return None

    def features(self, span: Span) -> list[tuple[str, str]]:
        """Shape (`A`, `a`, `9` for runs of capitals, small letters, digits), and the pieces on both sides."""
        kinds = (
            "A" if one.isupper() else "a" if one.isalpha() else "9" if one.isdigit() else one
            for one in self.text(span)
        )
        before, behind = (
            self.text((at, at + 1)).lower() if 0 <= at < len(self._pieces) else ""
            for at in (span[0] - 1, span[1])
        )
        return [("shape", _RUN.sub(lambda run: run[0][0], "".join(kinds))), ("<", before), (">", behind)]


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Path and value of every text and number in JSON."""
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(one, (*path, key))
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield path, value


def _name(path: Path) -> str:
    return "/".join(key for key in path if isinstance(key, str))


def _as_kind(text: str, like: Any) -> Any:
    """A text as a number where the value that it stands for is one."""
    try:
        return text if isinstance(like, str) else type(like)(text)
    except ValueError:
        return like


def _replaced(value: Any, new: Mapping[Path, Any], path: Path = ()) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(one, new, (*path, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, new, (*path, at)) for at, one in enumerate(value)]
    return new.get(path, value)
