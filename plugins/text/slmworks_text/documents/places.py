"""Chunks as rows: where each stands in which document, and what row operators see and hide of that."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slmworks.curate.operator import HEADINGS, TEXT
from slmworks_text.operators.redact import Redact
from slmworks_text.personal import Redactor
from slmworks_text.rows import Row, Tally


@dataclass(slots=True)
class ChunkRow(Row):
    """A chunk; the place where it stands is kept as its target."""

    document: str = ""
    """The document's name, which may be redacted; `group` has it as it is."""
    spot: str = ""
    """Number and pages: `#12 p. 3`."""
    headings: str = ""
    """Those above it, the outermost first."""

    @property
    def standing(self) -> str:
        """The place; of documents whose names are redacted it says apart those that became the same."""
        name = self.document if self.document == self.group else f"{self.document} {digest_of(self.group)}"
        return f"{name}{self.spot}{f': {self.headings}' if self.headings else ''}"


def digest_of(document: str) -> str:
    """Eight hex digits that tell apart documents whose redacted names are the same."""
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()[:8]


class ChunkView:
    """How row operators see chunks: one text, and for those that hide something what its place says of it."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The text, the headings above it and the document's name, and their roles."""
        chunk = _chunk(row)
        return (chunk.text, chunk.headings, chunk.document), (TEXT, HEADINGS, HEADINGS)

    def label(self, row: Row) -> str:
        """The place."""
        return _chunk(row).standing

    def changed(self, row: Row, texts: Sequence[str]) -> Row | str:
        """The row with other texts."""
        text, headings, document = texts
        return placed(replace(_chunk(row), text=text, headings=headings, document=document))


class StoredChunks:
    """How chunks that wait on disk are seen: their place is a column of its own."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The text, and its role."""
        return (row.text,), (TEXT,)


@dataclass(frozen=True)
class RedactChunks:
    """Redacts chunks, the headings above them and the names of their documents; places follow."""

    redactor: Redactor

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows with redacted texts."""
        redact = Redact(("text", "headings", "document"), self.redactor)
        return [placed(_chunk(row)) for row in redact(rows, tally)]


def placed(row: ChunkRow) -> ChunkRow:
    """The row with its place as its target."""
    row.target = row.standing
    return row


def _chunk(row: Row) -> ChunkRow:
    if not isinstance(row, ChunkRow):
        raise TypeError(f"{row.where} is no chunk")
    return row
