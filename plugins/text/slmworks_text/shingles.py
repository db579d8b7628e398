"""Shingles of a text, by script: what near duplicates have in common.

A shingle spans three words (Broder, "On the resemblance and containment of documents", 1997). Chinese,
Japanese, Thai and their like put no blanks between words; there a shingle starts at each character and spans
the characters of three words of usual length, so that a changed word costs the same share of the shingles
in every script. Combining marks belong to their letter. Signs count where another one would say something
else: `-5`, `5%`, `> 5`, `C++`, `C#`, currencies, emoji, operators of code (`!=`, `&&`); punctuation does not.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby

WORD = re.compile(r"\w+")
BEYOND = re.compile("[^\x00-\x7f]+")
"""Letters beyond ASCII, found much faster than those of many ranges."""
RARE = re.compile(r"[-+%#<>=*/:;!&|]")
"""ASCII signs that may count; one class of letters is searched much faster than the next."""
SIGN = re.compile(r"[+%#<>=*]|-\$?\.?\d|\d [-/] \d|[:;]-?\(|&&|\|\||-=|![\w(]")
"""Where they do."""

SPAN = 60
"""Three words."""
WEIGHTS = {"word": 20, "sign": 20, "han": 15, "kana": 12, "thai": 8, "khmer": 10, "burmese": 12}
"""What a word or a character adds to a span. Where words have m characters, a changed one costs the same
share of the shingles as among words if a shingle has 2m + 1: 4 in Chinese, 5 in kana and
Burmese, 8 in Thai, 6 in Khmer."""

HAN = "\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "\u3031-\u3035\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f\U0001aff0-\U0001b16f"
THAI = "\u0e00-\u0eff\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"
"""Thai, Lao, and the scripts of other Tai languages."""
BURMESE = "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"
KHMER = "\u1780-\u17ff\u1b00-\u1b7f\ua980-\ua9df"
"""Khmer, Balinese, Javanese: vowels and second consonants are mostly marks."""
IGNORED = "\u00ad\u0640\u200c-\u200f\u2060\ufe00-\ufe0f\ufeff"
"""Soft hyphen, Arabic tatweel, joiners, directions, variation selectors: a word is the same without them."""
SILENT = "\u00a9\u00ae\u2122\u2500-\u257f"
"""Symbols that say nothing: copyright and trade marks, lines of tables."""
SKIN = "\U0001f3fb-\U0001f3ff"


def shingles(text: str) -> frozenset[str]:
    """The set of shingles; a text that is shorter than one is one."""
    text = text.casefold()
    if _plain(text):
        words = WORD.findall(text)
        if len(words) < 3:
            return frozenset((" ".join(words) or text,))
        return frozenset(map(" ".join, zip(words, words[1:], words[2:], strict=False)))
    text = _ignored().sub("", unicodedata.normalize("NFC", text))
    units, weights = [], []
    for found in _unit().finditer(text):
        units.append(found[0])
        weights.append(WEIGHTS[str(found.lastgroup)])
    return frozenset(_spans(units, weights)) or frozenset((" ".join(units) or text,))


def units(text: str) -> list[str]:
    """Words, characters of scripts without blanks, and signs, in lower case: what shingles span."""
    text = text.casefold()
    if _plain(text):
        return WORD.findall(text)
    text = _ignored().sub("", unicodedata.normalize("NFC", text))
    return [found[0] for found in _unit().finditer(text)]


def plain_words(text: str) -> list[str] | None:
    """The words in lower case of a text that is no more than words; None for any other."""
    text = text.casefold()
    return WORD.findall(text) if _plain(text) else None


def _plain(text: str) -> bool:
    """Words between blanks and punctuation, and nothing else that counts."""
    if not text.isascii() and _unusual().search("".join(BEYOND.findall(text))):
        return False
    return not (RARE.search(text) and SIGN.search(text))


def _spans(units: Sequence[str], weights: Sequence[int]) -> Iterator[str]:
    """From each unit on, as few as weigh three words; at both ends also those that lack less than a word.

    So the first character is in as many as a first word's letters are: one that differs is seen.
    """
    end = weight = 0
    for start, first in enumerate(weights):
        while weight < SPAN and end < len(units):
            weight += weights[end]
            end += 1
            if not start and SPAN - WEIGHTS["word"] < weight < SPAN:
                yield " ".join(units[:end])
        if weight <= SPAN - WEIGHTS["word"]:
            return
        yield " ".join(units[start:end])
        weight -= first


@cache
def _unit() -> re.Pattern[str]:
    """Words, characters of scripts without blanks, and signs, each a group of its name."""
    marks, symbols, money = letters_of("Mn", "Mc", "Me"), letters_of("Sm", "So"), letters_of("Sc")
    letters = rf"(?:[^\W{HAN}{KANA}{THAI}{KHMER}{BURMESE}]|\d|[{marks}])"
    number = rf"[{money}$]?\.?\d"
    before = rf"(?:(?<![\w-])[-+\u2212\u00b1]?(?:[{money}]|(?<=[-+\u2212\u00b1])\$)?\.?(?=\d))?"
    after = rf"(?:\++|(?<=[^\W\d_])\#(?!\w)|(?<=\d)[%\u2030\u00b0{money}])?"
    return re.compile(
        rf"""
        (?P<han>(?=[^\W\d])[{HAN}][{marks}]*)
        | (?P<kana>(?=[^\W\d])[{KANA}][{marks}]*)
        | (?P<thai>(?=[^\W\d])[{THAI}][{marks}]*)
        | (?P<khmer>(?=[^\W\d])[{KHMER}][{marks}]*)
        | (?P<burmese>(?=[^\W\d])[{BURMESE}][{marks}]*)
        | (?P<word>{before}{letters}+{after})
        | (?P<sign>
            (?!<3\b)[<>=]+(?=[ ]?[-+]?{number})  # <3 is a heart
            | !=|&&|\|\||(?<!\S)[-+*/%&|^]=(?!\S)|(?<![\w!])!(?=[\w(])  # of code
            | (?<=\d[ ])[-*/](?=[ ]\d) | (?<=\d)\*(?=\d)
            | (?<!\S)\+(?!\S) | [:;]-?\((?!\w)
            | (?![{SILENT}])[{symbols}{money}{SKIN}][{marks}]*
        )
        """,
        re.VERBOSE,
    )


@cache
def _unusual() -> re.Pattern[str]:
    """A letter beyond ASCII that makes a text more than words between blanks and punctuation."""
    classes = letters_of("Mn", "Mc", "Me", "Sm", "Sc", "So")
    return re.compile(f"[{HAN}{KANA}{THAI}{KHMER}{BURMESE}{IGNORED}{SKIN}\u2030{classes}]")


@cache
def _ignored() -> re.Pattern[str]:
    return re.compile(f"[{IGNORED}]")


@cache
def letters_of(*categories: str) -> str:
    """Letters of a character class: those of the first two planes beyond ASCII with these categories."""
    return "".join(run for category, run in _runs() if category in categories)


@cache
def _runs() -> list[tuple[str, str]]:
    """Neighbours of one category, as a character class has them, with the category."""
    codes = range(0x80, 0x20001)
    runs, start = [], 0
    for category, run in groupby(map(unicodedata.category, map(chr, codes))):
        end = start + sum(1 for _ in run)
        runs.append((category, f"{chr(codes[start])}-{chr(codes[end - 1])}"))
        start = end
    return runs
