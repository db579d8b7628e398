"""Altered copies of training text, for a teacher to label; no model, no thesaurus, no labels.

A copy need not be good English nor keep its label: the student learns what the teacher answers to it.
Every copy is decided by its text, its number and the texts beside it, never by a seed or by how many
copies are asked for, so students that want different numbers of copies share those they have in common.
"""

import bisect
import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Annotated

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks_torch.rows import Rows

Words = list[str]
Way = Callable[[Words, random.Random], Words]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SWAP = 0.3
"""How often a copy with left-out words also has two neighbours swapped."""


class Augmentation(Documented):
    """Options of a student that learns from altered copies of the training text too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    augment: NonNegativeInt = 0
    """Altered copies of each text of `train` that the teacher labels and the student learns from."""
    splice: NonNegativeFloat = 3.0
    """How often, beside the other ways, a copy goes over into another text at a word that both have."""
    substitute: NonNegativeFloat = 3.0
    """How often words give way to others seen between the same neighbours (after Andreas, 2020)."""
    drop: NonNegativeFloat = 2.0
    """How often words are left out (Tang et al., 2019) and neighbours swapped (Wei & Zou, 2019)."""
    span: NonNegativeFloat = 1.0
    """How often only a run of words is left (n-gram sampling; Tang et al., 2019)."""
    join: NonNegativeFloat = 1.0
    """How often a piece of another text is put behind (concatenation; Jia & Liang, 2016)."""
    typo: NonNegativeFloat = 0.5
    """How often a letter is missing, doubled, swapped or another."""
    drop_rate: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the words that `drop` leaves out and that `substitute` replaces where it can."""

    def ways(self) -> dict[str, float]:
        """How often each way of altering a text is taken; BadRequest when none is."""
        names = ("splice", "substitute", "drop", "span", "join", "typo")
        found = {name: float(getattr(self, name)) for name in names}
        if self.augment and not any(found.values()):
            raise BadRequest(f"augment: every way is 0 ({', '.join(names)}); leave one of them above 0.")
        return found


def copies(rows: Rows, options: Augmentation) -> list[Rows]:
    """`augment` times all rows, altered and without labels."""
    if not options.augment:
        return []
    augmenter = Augmenter(rows.texts, options)
    return [
        Rows(
            [f"{identity}~{number}" for identity in rows.ids],
            [augmenter.copy(text, number) for text in rows.texts],
            [],
        )
        for number in range(1, options.augment + 1)
    ]


class Augmenter:
    """Alters texts by what it has seen in all of them."""

    def __init__(self, texts: Sequence[str], options: Augmentation) -> None:
        """Index which texts a word occurs in, and which words occur between two others."""
        ways = {name: weight for name, weight in options.ways().items() if weight}
        self.names, self.bounds = list(ways), list(accumulate(ways.values()))
        self.rate = options.drop_rate
        self.texts = [text.split() for text in texts]
        self.places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        between: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for number, words in enumerate(self.texts):
            for place, word in enumerate(words):
                self.places[word.lower()].append((number, place))
                between[_around(words, place)][word.lower()] = None
        self.between = {around: list(seen) for around, seen in between.items() if len(seen) > 1}

    def copy(self, text: str, number: int) -> str:
        """The altered copy of `text` with that number; the order of calls doesn't matter."""
        key = hashlib.sha256(f"{number}\0{text}".encode("utf-8", "replace")).digest()
        chance = random.Random(key)
        words = text.split()
        name = self.names[bisect.bisect(self.bounds, chance.random() * self.bounds[-1])]
        way: Way = getattr(self, f"_{name}")
        return " ".join(way(words, chance)) or text

    def _splice(self, words: Words, chance: random.Random) -> Words:
        """Begin as this text, go on as another one from a word that both have."""
        for place in chance.sample(range(len(words)), len(words)):
            others = self.places[words[place].lower()]
            number, other = chance.choice(others) if others else (0, 0)
            if others and self.texts[number] != words:
                return words[:place] + self.texts[number][other:]
        return self._join(words, chance)

    def _substitute(self, words: Words, chance: random.Random) -> Words:
        found = list(words)
        able = [place for place in range(len(words)) if _around(words, place) in self.between]
        if not able:
            return self._splice(words, chance)
        for place in chance.sample(able, min(len(able), max(1, round(self.rate * len(words))))):
            if known := self.between.get(_around(found, place)):
                found[place] = chance.choice(known)
        return found

    def _drop(self, words: Words, chance: random.Random) -> Words:
        found = [word for word in words if chance.random() > self.rate]
        if len(found) > 1 and chance.random() < SWAP:
            place = chance.randrange(len(found) - 1)
            found[place : place + 2] = reversed(found[place : place + 2])
        return found

    def _span(self, words: Words, chance: random.Random) -> Words:
        if len(words) < 2:
            return words
        length = chance.randint(max(1, len(words) // 3), len(words) - 1)
        start = chance.randint(0, len(words) - length)
        return words[start : start + length]

    def _join(self, words: Words, chance: random.Random) -> Words:
        other = chance.choice(self.texts)
        return self._drop(words, chance) + self._span(other, chance)

    def _typo(self, words: Words, chance: random.Random) -> Words:
        found = list(words)
        long = [place for place, word in enumerate(words) if len(word) > 2]
        if long:
            place = chance.choice(long)
            found[place] = _mistyped(found[place], chance)
        return found


def _around(words: Words, place: int) -> tuple[str, str]:
    """The neighbours of a word; nothing before the first and after the last."""
    before = words[place - 1].lower() if place else ""
    return before, words[place + 1].lower() if place + 1 < len(words) else ""


def _mistyped(word: str, chance: random.Random) -> str:
    place = chance.randrange(len(word) - 1)
    here, after = word[place], word[place + 1]
    put = chance.choice(("", here * 2, after + here, chance.choice(LETTERS)))
    return word[:place] + put + word[place + (2 if put == after + here else 1) :]
