"""Characters of numbers and addresses as the world writes them, brought to ASCII without moving any.

Digits of every script, full-width forms, blanks, dashes and dots. Letters of other scripts stay as they are.
"""

import re
import unicodedata
from collections.abc import Iterable

LATIN = "A-Za-zÀ-ÖØ-öø-\u036fḀ-ỿ"
"""Letters and accents of the Latin script, for a character class."""
BEFORE = f"(?<![0-9{LATIN}])"
"""Nothing of the same token before: scripts without spaces, particles and underscores may touch a number."""
AFTER = f"(?![0-9{LATIN}])"
"""Nothing of the same token after it."""
FULL_WIDTH = 0xFF01, 0xFF5E, 0xFEE0
"""First and last full-width form of ASCII, and how far they are from it."""
DOTS = "\u00b7\u2024\u2027"
"""Dots in the middle of a line, and a leader."""
DASHES = "\u2212\u2043\u2500"
"""Minus, a bullet and a line of tables, which are dashes by their looks alone."""
BETWEEN_DIGITS = re.compile("(?<=[0-9])[\u30fb\u30fc\uff65\uff70](?=[0-9])")
"""Katakana's dot and its mark of a long vowel, typed for a dot and a dash."""
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+")
"""Soft hyphens, zero width spaces, joiners, marks of direction: where a line may break within a number."""
BLANK, DASH, INVISIBLE = "Zs", "Pd", "Cf"
"""Categories of Unicode: no-break and other spaces; dashes; soft hyphens and marks of direction."""


def ascii_forms(text: str) -> str:
    """The text with ASCII digits, blanks, dashes and dots; as long as it was, so places stay the same."""
    if text.isascii():
        return text.replace("\t", " ")
    return BETWEEN_DIGITS.sub(lambda sign: "." if sign[0] in "\u30fb\uff65" else "-", text.translate(_FORMS))


def seen(text: str) -> tuple[str, list[int]]:
    """The text without signs that nobody sees, and the place in the text of each sign that is left."""
    places = [place for place, sign in enumerate(text) if not UNSEEN.match(sign)]
    return "".join(text[place] for place in places), places


def hidden(text: str, found: Iterable[tuple[int, int]]) -> str:
    """The text, as long as it was, without the characters between each start and end (none overlap)."""
    pieces, done = [], 0
    for start, end in sorted(found):
        pieces += [text[done:start], "\0" * (end - start)]
        done = end
    return "".join((*pieces, text[done:]))


class _Forms(dict[int, int]):
    """Code point -> code point, looked up once."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        first, last, away = FULL_WIDTH
        if first <= code <= last:
            form = code - away
        elif (category := unicodedata.category(char)) == "Nd":
            form = ord("0") + unicodedata.decimal(char)
        elif category in (BLANK, INVISIBLE) or char == "\t":
            form = ord(" ")
        elif category == DASH or char in DASHES:
            form = ord("-")
        else:
            form = ord(".") if char in DOTS else code
        self[code] = form
        return form


_FORMS = _Forms()
