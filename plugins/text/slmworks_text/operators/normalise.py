"""Repair and normalise text: mojibake (ftfy), Unicode NFC, one space between words.

Deliberately small: letters, punctuation and case stay, because a model is asked with texts as people type.
"""

from dataclasses import dataclass

from slmworks_text.rows import Row, Tally


@dataclass(frozen=True)
class Normalise:
    """Normalises the texts of a row and counts the rows that this changed."""

    texts: tuple[str, ...]
    """Attributes of a row to normalise."""

    def __call__(self, row: Row, tally: Tally) -> Row:
        """The row with normalised texts."""
        changed = False
        for name in self.texts:
            text = getattr(row, name)
            if (normalised := normalise(text)) != text:
                setattr(row, name, normalised)
                changed = True
        if changed:
            tally.changed["normalised"] += 1
        return row


def normalise(text: str) -> str:
    """The text as it should have been typed."""
    return " ".join(repaired(text).split())


def repaired(text: str) -> str:
    """The text without mojibake, in Unicode NFC. Plain ASCII, the common case, skips the repair."""
    # Printable ASCII has no control characters, and only an & can begin an entity.
    if (text.isascii() and text.isprintable()) and "&" not in text:
        return text
    import ftfy

    return str(ftfy.fix_text(text, uncurl_quotes=False))
