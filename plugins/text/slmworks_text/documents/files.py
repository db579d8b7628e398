"""The files of an input as documents; what can't be read is a reason, never an exception of a library."""

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
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
from slmworks_text.encodings import REPLACE, Encoding, codec_of, is_encoding
from slmworks_text.streams import COMPRESSED, MARKS, TooLarge, bytes_of

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
READERS: dict[str, Callable[[str], Iterable[Block]]] = {"text": plain_blocks, "markdown": markdown_blocks}
REPLACED = "bad bytes read as U+FFFD"
"""What is left out, as it is counted."""
WIDE = ("utf-16", "utf-32")
PROBE = rb"<meta \u00e4 +AOQ- ~{"
"""Where these bytes aren't ASCII a page could not have named its encoding, or escapes are read into it."""
BROWSERS = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
"""Encodings that browsers read as a larger one (WHATWG Encoding)."""


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
        raise Unreadable(TOO_LARGE if isinstance(error, TooLarge) else DAMAGED, why) from None
    try:
        if kind == "pdf":
            blocks = clean_blocks(pdf_blocks(content, left_out))
        else:
            text = _decoded(content, encoding, left_out, page=kind == "html")
            refuse_long(len(text))
            blocks = clean_blocks(html_blocks(text, left_out) if kind == "html" else READERS[kind](text))
    except ModuleNotFoundError as error:
        raise BadRequest(
            f"{shown}: reading {kind} needs '{error.name}', which is not installed: "
            "pip install 'slmworks-text[run,documents]'"
        ) from None
    if not any(block.kind != "heading" for block in blocks):
        raise Unreadable(NO_TEXT, "headings only" if blocks else "")
    return blocks


def _decoded(content: bytes, encoding: Encoding, left_out: Counter[str], *, page: bool) -> str:
    """The text: by its mark, by what a page says of itself, or in the encoding that is given.

    A page that isn't in the encoding that it names is read in the one that is given, or else with U+FFFD.
    """
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), "")
    start = content[:BEGIN]
    if not marked and b"\0" in start and not codec_of(encoding).startswith(WIDE):
        raise Unreadable(BINARY, f"a NUL byte at byte {start.index(0)}")
    said = META.search(start) if page and not marked else None
    named, own = _known(said[1]) if said else "", marked or codec_of(encoding)
    for name in filter(None, (named, own)):
        with suppress(UnicodeError):
            return content.decode(name).removeprefix("\ufeff")
    try:
        if not named and encoding != REPLACE:
            content.decode(own)
        text = content.decode(named or own, "replace").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"line {line}: byte {error.start} (0x{content[error.start]:02x}) is not {own}"
        raise Unreadable(ENCODING, f"{byte}; set encoding, or utf-8-replace") from None
    except UnicodeError as error:
        raise Unreadable(ENCODING, f"not {own} ({error})") from None
    left_out[REPLACED] += text.count("\ufffd")
    return text


def _known(label: bytes) -> str:
    """A page's encoding as browsers read it; empty for one that they don't know."""
    name = label.decode("ascii", "replace")
    if name == REPLACE or not is_encoding(name):
        return ""
    found = codecs.lookup(name).name
    if found.startswith(WIDE):
        return "utf-8"  # its bytes could be read up to the label, so they are none of two
    return BROWSERS.get(found, found) if PROBE.decode(found, "replace") == PROBE.decode("ascii") else ""
