"""Repair and normalise text: mojibake (ftfy), Unicode NFC, one space between words.

Deliberately small: letters, punctuation and case stay, because a model is asked with texts as people type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from slmworks_text.rows import Row, Tally


@dataclass(frozen=True)
class Normalise:
    """Normalises the texts of rows and counts the rows that this changed."""

    texts: tuple[str, ...]
    """Attributes of a row to normalise."""

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows with normalised texts."""
        changed = set()
        for name in self.texts:
            for i, text in enumerate(map(attrgetter(name), rows)):
                # the first lines of `normalise`: a call for each text would cost more than they do
                plain = text.isascii() and text.isprintable() and "&" not in text and "  " not in text
                if plain and text[:1] != " " != text[-1:]:
                    continue
                if (normalised := normalise(text)) != text:
                    setattr(rows[i], name, normalised)
                    changed.add(i)
        if changed:
            tally.changed["normalised"] += len(changed)
        return rows


def normalise(text: str) -> str:
    """The text as it should have been typed."""
    if is_plain(text) and "  " not in text and text[:1] != " " != text[-1:]:
        return text
    return " ".join(repaired(text).split())


def is_plain(text: str) -> bool:
    """True for printable ASCII, which has no control characters, without an &, which begins an entity."""
    return text.isascii() and text.isprintable() and "&" not in text


def repaired(text: str) -> str:
    """The text without mojibake, in Unicode NFC. Plain ASCII, the common case, skips the repair."""
    if is_plain(text):
        return text
    import ftfy

    return str(ftfy.fix_text(text, uncurl_quotes=False))
