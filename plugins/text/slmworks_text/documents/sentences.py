"""Sentences of a paragraph, by rules: good enough for the places where a chunk may end."""

import re
from collections.abc import Iterator

END = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？．｡]+[」』”’）]*)\s*")
OPENS = re.compile(r"[^\W_a-z]|[\"'“‘«(\[¿¡]|\d|[-–—•*]\s")
"""How a sentence begins: no lower case letter."""
ABBREVIATED = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[A-Z]|[A-Za-z]\.[A-Za-z]|Mrs?|Ms|Dr|Prof|St|Jr|Sr|No|Nos|Nr|Fig|Figs|Eq|Sec|Ch|pp?|vs|cf|"
    r"al|approx|resp|incl|excl|ca|bzw|etc|Abs|Art|Bd|Hr|Fr|z\.\s?B|d\.\s?h|u\.\s?a)\.$"
)
"""What ends with a full stop and ends no sentence."""


def sentences(text: str) -> Iterator[str]:
    """The sentences; together they are the text, each with the blanks behind it."""
    start = 0
    for found in END.finditer(text):
        end, mark = found.end(), found[0].rstrip()
        if end >= len(text) or not (OPENS.match(text, end) or not mark[-1].isascii()):
            continue
        if mark == "." and ABBREVIATED.search(text, max(start, found.start() - 12), found.start() + 1):
            continue
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
