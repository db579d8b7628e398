"""Plain text as blocks: paragraphs, with their lines as they are."""

import re
from collections.abc import Iterator

from slmworks_text.documents.blocks import Block


def plain_blocks(text: str) -> Iterator[Block]:
    """The paragraphs of a text."""
    for paragraph in re.split(r"\n(?:[^\S\n]*\n)+", text.replace("\r\n", "\n").replace("\r", "\n")):
        yield Block(paragraph)
