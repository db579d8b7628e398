"""Repair and normalise text: mojibake (ftfy), Unicode NFC, one space between words.

Deliberately small: letters, punctuation and case stay, because a model is asked with texts as people type.
"""


def normalise(text: str) -> str:
    """The text as it should have been typed. Plain ASCII, most of what there is, skips the repair."""
    # Printable ASCII has no control characters, and only an & can begin an entity.
    if not (text.isascii() and text.isprintable()) or "&" in text:
        import ftfy

        text = ftfy.fix_text(text, uncurl_quotes=False)
    return " ".join(text.split())
