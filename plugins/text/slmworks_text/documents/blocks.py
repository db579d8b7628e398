"""A document as blocks of text under headings, and the reasons for which a file is none."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from slmworks_text.conversations.cleaning import repaired

LONGEST = 20_000_000
"""Characters of a document at most; a longer one is a dump, not a document."""

Kind = Literal["text", "heading", "lines"]
"""`lines`: code, tables, lists: whatever is read line by line."""

NO_TEXT = "no text"
TOO_LARGE = "too large"
BINARY = "binary, no text"
ENCODING = "another encoding"
ENCRYPTED = "encrypted PDF"
SCANNED = "no text layer; run OCR first"
BROKEN = "broken PDF"
DAMAGED = "damaged"


class Unreadable(Exception):
    """A file that gives no text: `reason` is counted, `detail` says where and what."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


@dataclass(frozen=True)
class Block:
    """A paragraph, a heading, or lines."""

    text: str
    kind: Kind = "text"
    headings: tuple[str, ...] = ()
    """Headings above it, the outermost first; those of a heading end with itself."""
    page: int = 0
    """Page of a PDF, from 1; 0: no pages."""


def clean_blocks(blocks: Iterable[Block]) -> list[Block]:
    """Blocks without mojibake and control characters, in Unicode NFC; empty ones are left out."""
    found = (replace(block, text=repaired(block.text).strip("\n").rstrip()) for block in blocks)
    return [block for block in found if block.text.strip()]


def refuse_long(size: int) -> None:
    """Unreadable for a text of so many characters."""
    if size > LONGEST:
        raise Unreadable(TOO_LARGE, f"more than {LONGEST:,} characters; split it")


class Outline:
    """The headings above the place that is being read."""

    def __init__(self) -> None:
        self.open: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> tuple[str, ...]:
        """The path that ends with a new heading."""
        while self.open and self.open[-1][0] >= level:
            self.open.pop()
        self.open.append((level, title))
        return self.path

    @property
    def path(self) -> tuple[str, ...]:
        """Headings, the outermost first."""
        return tuple(title for _, title in self.open)
