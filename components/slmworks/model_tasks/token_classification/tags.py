"""Tags of words (IOB2; Ramshaw & Marcus, 1995; Tjong Kim Sang & Veenstra, 1999) and the entities they mean.

`B-PERSON` begins an entity, `I-PERSON` goes on, `O` is outside. Tags are read as conlleval and seqeval's
default mode read them: an `I-` of another label than the word before begins an entity, too. Needs nothing but
`word_windows`: releases and edge bundles carry a copy.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from slmworks.model_tasks.word_windows import Place, Span

OUTSIDE = "O"


class Tagged(NamedTuple):
    """An entity as a run of words."""

    label: str
    first: int
    """Its first word."""
    last: int


def tags_of(labels: Iterable[str]) -> list[str]:
    """The tags of a model with these labels, in the order of its logits."""
    return [OUTSIDE, *(f"{mark}-{label}" for label in labels for mark in "BI")]


def word_tags(words: Sequence[Span], entities: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tag of each word, from entities `{start, end, label}` that begin and end with words."""
    found = [OUTSIDE] * len(words)
    at = 0
    for entity in sorted(entities, key=lambda one: int(one["start"])):
        mark = "B"
        while at < len(words) and words[at][1] <= entity["start"]:
            at += 1
        while at < len(words) and words[at][0] < entity["end"]:
            found[at], mark = f"{mark}-{entity['label']}", "I"
            at += 1
    return found


def runs_of(tags: Sequence[str | None]) -> list[Tagged]:
    """The entities of a sentence; a tag that is None goes on as the word before."""
    found: list[Tagged] = []
    open_label = ""
    for word, tag in enumerate(tags):
        if tag is None:
            if open_label:
                found[-1] = found[-1]._replace(last=word)
            continue
        mark, _, label = tag.partition("-")
        if open_label and mark == "I" and label == open_label:
            found[-1] = found[-1]._replace(last=word)
        elif label:
            found.append(Tagged(label, word, word))
        open_label = label
    return found


def glued(words: Sequence[Span], places: Sequence[Place | None]) -> list[bool]:
    """Of each word, whether it is read with the one before: its token is that one's, or it has none."""
    found = [False] * len(words)
    for word in range(1, len(words)):
        place, before = places[word], places[word - 1]
        if place is None:
            found[word] = words[word][0] == words[word - 1][1]
        elif before is not None:
            found[word] = (place.window, place.first) == (before.window, before.first)
    return found


def tagged(
    words: Sequence[Span], places: Sequence[Place | None], best: Sequence[int], tags: Sequence[str]
) -> list[Tagged]:
    """The entities of a text from the number of the best tag of each word."""
    same = glued(words, places)
    return runs_of(
        [
            None if same[word] else OUTSIDE if places[word] is None else tags[tag]
            for word, tag in enumerate(best)
        ]
    )
