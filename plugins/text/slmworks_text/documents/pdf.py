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
ENDS = (".", "!", "?", ":", "。", "！", "？")
NUMBERED = 6
"""Letters and digits of a heading's number at most."""
SHORT = 0.75
"""A line that is shorter than this share of the page's usual one and ends a sentence ends a paragraph."""
EDGE = 2
"""Lines at both ends of a page among which headers and footers are looked for."""
SHARED, LEAST = 0.5, 3
"""A line is one if it stands on more than this share of the pages, and on so many."""
RUNNING = "lines that head or foot pages"
"""What is left out, as it is counted."""
_NUMBER = re.compile(r"(?<!\d)\d{1,5}(?!\d)")

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
    yield from _blocks(_without_repeated(texts, left_out), marks)


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
    lengths = sorted(len(line.strip()) for line in lines if line.strip())
    usual = lengths[len(lengths) * 3 // 4] if lengths else 0
    open_: list[str] = []
    for line in (line.strip() for line in lines):
        heads = any(_is_title(line, title) for title in titles)
        if open_ and (not line or heads or line.startswith(BULLETS)):
            yield "\n".join(open_)
            open_ = []
        open_ += [line] if line else []
        if heads or (open_ and line.endswith(ENDS) and len(line) < SHORT * usual):
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


def _without_repeated(texts: Sequence[Sequence[str]], left_out: Counter[str]) -> list[list[str]]:
    """Pages without the lines that head or foot most of them, and without numbers of pages.

    A line is such a one as it is written, or with the number in it that runs with the pages. Nothing tells
    head and text apart on a page that would be left empty or has no line between its edges: there only
    numbers that stand alone go.
    """
    pages = [[line for line in page if line.strip()] for page in texts]
    edges = [{*page[:EDGE], *page[-EDGE:]} if len(page) > 2 * EDGE else set() for page in pages]
    offset = _offset(pages)
    seen = Counter(
        form
        for number, lines in enumerate(edges)
        for form in {one for line in lines for one in _forms(line, number, offset)}
    )
    most = max(LEAST, int(SHARED * len(pages)) + 1)

    def repeated(line: str, number: int) -> bool:
        written, *numbered = _forms(line, number, offset)
        return seen[written] >= most or any(seen[form] >= LEAST for form in numbered)

    found = []
    for number, page in enumerate(pages):
        inner = range(EDGE, len(page) - EDGE)
        kept = [line for place, line in enumerate(page) if place in inner or not repeated(line, number)]
        if not inner or not kept:
            kept = list(page)
        kept = [
            line
            for place, line in enumerate(kept)
            if EDGE <= place < len(kept) - EDGE or not _is_number(line, number, offset)
        ]
        found.append(kept or list(page))
        left_out[RUNNING] += len(page) - len(found[-1])
    return found


def _offset(pages: Sequence[Sequence[str]]) -> int | None:
    """What is added to a page's place from 0 to get the number on most pages; None: they have none."""
    ahead = Counter(
        offset
        for number, page in enumerate(pages)
        for offset in {
            int(one) - number for line in (*page[:EDGE], *page[-EDGE:]) for one in _NUMBER.findall(line)
        }
    )
    offset, known = ahead.most_common(1)[0] if ahead else (0, 0)
    return offset if known >= LEAST and known > SHARED * len(pages) else None


def _forms(line: str, number: int, offset: int | None) -> list[str]:
    """A line as it is written, and without the number of its page where it has that.

    A number that is larger than the page's place may count anything (invoices), so it is no page's.
    """
    written = " ".join(line.split())
    if offset is None or offset > 1:
        return [written]
    page = str(number + offset)
    return [
        written,
        *(
            f"{written[: one.start()]}\0{written[one.end() :]}"
            for one in _NUMBER.finditer(written)
            if one[0] == page
        ),
    ]


def _is_number(line: str, number: int, offset: int | None) -> bool:
    """Whether a line is the number of its page and nothing else."""
    return offset is not None and line.strip(" -\u2013\u2014\t") == str(number + offset)


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
