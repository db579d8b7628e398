"""Rules of MassiveText.

Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher" (2021), appendix
A.1.1: quality filtering and, as `gopher-repetition`, table A1.
"""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from slmworks_text.quality.rule import Document, Rule, repeated, repeated_characters

STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
BULLETS = ("•", "‣", "▪", "●", "◦", "-", "*")
ELLIPSES = ("...", "…")


def _mean_length(document: Document) -> float:
    return sum(map(len, document.words)) / len(document.words) if document.words else 0.0


def _symbols(document: Document) -> float:
    """Hashes or ellipses for each word, whichever are more."""
    text = document.text
    return max(text.count("#"), sum(map(text.count, ELLIPSES))) / max(1, len(document.words))


def _stop_words(document: Document) -> float:
    found = (word.strip(".,;:!?\"'()").lower() for word in document.words)
    return len(STOP_WORDS.intersection(found))


def _commonest(n: int) -> Callable[[Document], float]:
    """Share of the characters of words that the commonest n-gram makes up."""

    def number(document: Document) -> float:
        words = document.words
        grams = Counter(zip(*(words[i:] for i in range(n)), strict=False))
        if not grams:
            return 0.0
        gram, count = max(grams.items(), key=lambda one: (one[1], sum(map(len, one[0]))))
        return count * sum(map(len, gram)) / max(1, sum(map(len, words))) if count > 1 else 0.0

    return number


def _repeated_grams(n: int) -> Callable[[Document], float]:
    """Share of the characters of words that are in an n-gram that occurs again; overlaps count once."""

    def number(document: Document) -> float:
        words = document.words
        grams = list(zip(*(words[i:] for i in range(n)), strict=False))
        counts = Counter(grams)
        starts = [i for i, gram in enumerate(grams) if counts[gram] > 1]
        within = sum(
            sum(map(len, words[start : min(start + n, following)]))
            for start, following in pairwise([*starts, len(words)])
        )
        return within / max(1, sum(map(len, words)))

    return number


QUALITY = (
    Rule("words", lambda d: len(d.words), least=50, most=100_000, unit="words"),
    Rule("mean-word-length", _mean_length, least=3, most=10),
    Rule("symbols", _symbols, most=0.1),
    Rule("bullet-lines", lambda d: d.share_of_lines(lambda line: line.startswith(BULLETS)), most=0.9),
    Rule("ellipsis-lines", lambda d: d.share_of_lines(lambda line: line.endswith(ELLIPSES)), most=0.3),
    Rule("alphabetic-words", lambda d: d.share_of_words(lambda w: any(map(str.isalpha, w))), least=0.8),
    Rule("stop-words", _stop_words, least=2, unit="stop words"),
)

REPETITION = (
    Rule("duplicate-lines", lambda d: repeated(d.lines), most=0.30),
    Rule("duplicate-paragraphs", lambda d: repeated(d.paragraphs), most=0.30),
    Rule("characters-in-duplicate-lines", lambda d: repeated_characters(d.lines, len(d.text)), most=0.20),
    Rule(
        "characters-in-duplicate-paragraphs",
        lambda d: repeated_characters(d.paragraphs, len(d.text)),
        most=0.20,
    ),
    *(Rule(f"top-{n}-gram", _commonest(n), most=most) for n, most in ((2, 0.20), (3, 0.18), (4, 0.16))),
    *(
        Rule(f"duplicate-{n}-grams", _repeated_grams(n), most=most)
        for n, most in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    ),
)
