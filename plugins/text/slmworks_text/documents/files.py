"""The files of an input as documents; what can't be read is a reason, never an exception of a library."""

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_text.documents.blocks import (
    BINARY,
    DAMAGED,
    ENCODING,
    NO_TEXT,
    TOO_LARGE,
    Block,
    Unreadable,
    clean_blocks,
    refuse_long,
)
from slmworks_text.documents.html import html_blocks
from slmworks_text.documents.markdown import markdown_blocks
from slmworks_text.documents.pdf import pdf_blocks
from slmworks_text.documents.plain import plain_blocks
from slmworks_text.encodings import REPLACE, Encoding, codec_of
from slmworks_text.streams import COMPRESSED, MARKS, bytes_of

ENDINGS = {
    ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html",
    ".htm": "html", ".xhtml": "html", ".pdf": "pdf",
}  # fmt: skip
"""Ending -> kind of document; each may have one of a compression behind it."""
MOST = 200_000_000
"""Bytes of a document at most, unpacked."""
BEGIN = 4096
"""Bytes among which a page says its encoding, and that tell text from other files."""

META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
READERS: dict[str, Callable[[str], Iterable[Block]]] = {
    "text": plain_blocks, "markdown": markdown_blocks, "html": html_blocks,
}  # fmt: skip


def kind_of(path: Path) -> str:
    """The kind of document by a file's ending; empty for another file."""
    bare = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return ENDINGS.get(bare.suffix.lower(), "")


def read_document(path: Path, encoding: Encoding, shown: str, left_out: Counter[str]) -> list[Block]:
    """The blocks of a file; what isn't kept of it is counted in `left_out`.

    Unreadable says why there are none; BadRequest for a library that is missing.
    """
    kind = kind_of(path)
    try:
        content = bytes_of(path, MOST, shown=shown)
    except BadRequest as error:
        why = str(error).removeprefix(f"{shown}: ").rstrip(".")
        raise Unreadable(DAMAGED if "cannot be" in why else TOO_LARGE, why) from None
    try:
        if kind == "pdf":
            blocks = clean_blocks(pdf_blocks(content, left_out))
        else:
            text = _decoded(content, encoding, page=kind == "html")
            refuse_long(len(text))
            blocks = clean_blocks(READERS[kind](text))
    except ModuleNotFoundError as error:
        raise BadRequest(
            f"{shown}: reading {kind} needs '{error.name}', which is not installed: "
            "pip install 'slmworks-text[run,documents]'"
        ) from None
    if not any(block.kind != "heading" for block in blocks):
        raise Unreadable(NO_TEXT, "headings only" if blocks else "")
    return blocks


def _decoded(content: bytes, encoding: Encoding, *, page: bool) -> str:
    """The text: by its mark, by what a page says of itself, or in the encoding that is given."""
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), "")
    start = content[:BEGIN]
    if not marked and b"\0" in start and not codec_of(encoding).startswith(("utf-16", "utf-32")):
        raise Unreadable(BINARY, f"a NUL byte at byte {start.index(0)}")
    said = META.search(start) if page and not marked else None
    name = marked or (_known(said[1]) if said else "") or codec_of(encoding)
    errors = "replace" if encoding == REPLACE or said else "strict"
    try:
        return content.decode(name, errors).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"line {line}: byte {error.start} (0x{content[error.start]:02x}) is not {name}"
        raise Unreadable(ENCODING, f"{byte}; set encoding, or utf-8-replace") from None
    except UnicodeError as error:
        raise Unreadable(ENCODING, f"not {name} ({error})") from None


def _known(name: bytes) -> str:
    """A page's encoding as browsers read it; empty for one that nobody knows."""
    try:
        found = codecs.lookup(name.decode("ascii")).name
    except (LookupError, UnicodeDecodeError):
        return ""
    return "cp1252" if found in ("iso8859-1", "ascii") else found
