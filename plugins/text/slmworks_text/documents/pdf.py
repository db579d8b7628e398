"""PDF as blocks (pypdf: pure Python, so that a hostile file may fail and cannot crash the process).

Pages are known; headings come from the bookmarks. Lines that head or foot most pages are left out, and words
that are hyphenated at a line's end are joined.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain, islice
from typing import Any

from slmworks_text.documents.blocks import (
    BROKEN,
    ENCRYPTED,
    LONGEST,
    NO_TEXT,
    SCANNED,
    TOO_LARGE,
    Block,
    Unreadable,
    refuse_long,
)
from slmworks_text.documents.lines import ends_sentence, is_full, usual_length
from slmworks_text.documents.running_lines import without_running_lines

PAGES = 20_000
"""Pages of a document at most."""
LOOKED_AT = 3
"""Pages at which pictures are looked for."""
LOCKED = "it needs a password; save it without one"
DEPTH = 6
"""Levels of bookmarks that count."""
HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\n(?=[^\W\d_])")
LEADER = re.compile(r"(?:\. ?){4,}")
"""Dots that lead to a page's number in a table of contents."""
BULLETS = ("•", "▪", "‣", "◦", "●", "■", "–\u2009")
NUMBERED = 6
"""Letters and digits of a heading's number at most."""
RUNNING = "lines that head or foot pages"
"""What is left out, as it is counted."""

Path = tuple[str, ...]
"""Headings, the outermost first."""


def pdf_blocks(content: bytes, left_out: Counter[str]) -> Iterator[Block]:
    """The paragraphs of a document with their pages; Unreadable says why there are none.

    Lines that head or foot pages are counted in `left_out`.
    """
    import logging

    from pypdf import PdfReader
    from pypdf.errors import DependencyError, LimitReachedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    texts: list[list[str]] = []
    size = 0
    try:
        reader = PdfReader(BytesIO(content))
        _refuse_locked(reader)
        for page in reader.pages:
            texts.append(page.extract_text().split("\n"))
            size += sum(map(len, texts[-1])) + LONGEST // PAGES  # pages without end count as text
            refuse_long(size)
        marks, pictures = _bookmarks(reader), any(map(_pictured, islice(reader.pages, LOOKED_AT)))
    except Unreadable:
        raise
    except LimitReachedError as error:
        raise Unreadable(
            TOO_LARGE, f"page {len(texts) + 1} unpacks to more than is allowed ({error})"
        ) from None
    except DependencyError:
        raise Unreadable(
            ENCRYPTED, "with AES, for which pypdf needs cryptography; or save it without"
        ) from None
    except Exception as error:  # noqa: BLE001 (broken files make the library raise anything)
        where = f"page {len(texts) + 1}: " if texts else ""
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unreadable(BROKEN, f"{where}{said}") from None
    if not any(line.strip() for line in chain.from_iterable(texts)):
        pages = f"{len(texts)} page{'s' if len(texts) != 1 else ''}"
        raise Unreadable(SCANNED if pictures else NO_TEXT, f"{pages}, pictures only" if pictures else pages)
    kept, running = without_running_lines(texts)
    left_out[RUNNING] += running
    yield from _blocks(kept, marks)


def _refuse_locked(reader: Any) -> None:
    """Unreadable for a document that opens with a password only."""
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable(ENCRYPTED, LOCKED)


def _blocks(texts: Sequence[Sequence[str]], marks: Mapping[int, Sequence[Path]]) -> Iterator[Block]:
    headings: Path = ()
    for page, lines in enumerate(texts, 1):
        here = {_letters(path[-1]): path for path in reversed(marks.get(page, ()))}
        standing = here.keys() & {title for line in lines for title in here if _is_title(line, title)}
        if here and not standing:
            headings = next(reversed(here.values()))
        for paragraph in _paragraphs(lines, standing):
            text = LEADER.sub("… ", HYPHEN.sub("", paragraph).replace("\n", " "))
            if found := next((title for title in standing if _is_title(text, title)), ""):
                headings = here[found]
                yield Block(text, "heading", headings, page)
            else:
                yield Block(text, headings=headings, page=page)


def _paragraphs(lines: Sequence[str], titles: Collection[str]) -> Iterator[str]:
    """Lines joined to paragraphs: up to a blank line, a bullet, or a short line that ends a sentence."""
    usual = usual_length(lines)
    open_: list[str] = []
    for line in (line.strip() for line in lines):
        heads = any(_is_title(line, title) for title in titles)
        if open_ and (not line or heads or line.startswith(BULLETS)):
            yield "\n".join(open_)
            open_ = []
        open_ += [line] if line else []
        if heads or (open_ and ends_sentence(line) and not is_full(line, usual)):
            yield "\n".join(open_)
            open_ = []
    if open_:
        yield "\n".join(open_)


def _is_title(line: str, title: str) -> bool:
    """Whether a line is a heading, by its letters; it may have a number before."""
    said = _letters(line)
    return bool(title) and said.endswith(title) and len(said) - len(title) <= NUMBERED


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _bookmarks(reader: Any) -> dict[int, list[Path]]:
    """Page -> titles of each bookmark on it behind those above; none where they are damaged."""
    found: dict[int, list[Path]] = {}
    try:
        waiting: list[tuple[Any, Path]] = [(reader.outline, ())]
        while waiting:
            entries, above = waiting.pop()
            last = above
            for entry in entries:
                if isinstance(entry, list):
                    waiting += [(entry, last)] if len(last) < DEPTH else []
                    continue
                last = (*above, " ".join(str(entry.title).split()))
                number = reader.get_destination_page_number(entry)
                if number is not None and number >= 0 and last[-1]:
                    found.setdefault(number + 1, []).append(last)
    except Exception:  # noqa: BLE001 (a text without headings is still the text)
        return {}
    return found


def _pictured(page: Any) -> bool:
    try:
        objects = page["/Resources"]["/XObject"].get_object()
        return any(one.get_object().get("/Subtype") == "/Image" for one in objects.values())
    except Exception:  # noqa: BLE001
        return False
