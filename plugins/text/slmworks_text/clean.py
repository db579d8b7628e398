"""Repair and normalise text: mojibake (ftfy), Unicode NFC, one space between words.

Deliberately small: letters, punctuation and case stay, because a model is asked with texts as people type.
"""

import re

CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def normalise(text: str) -> str:
    """The text as it should have been typed. Plain ASCII, most of what there is, skips the repair."""
    if not text.isascii() or "&" in text or CONTROL.search(text):
        import ftfy

        text = ftfy.fix_text(text, uncurl_quotes=False)
    return " ".join(text.split())
