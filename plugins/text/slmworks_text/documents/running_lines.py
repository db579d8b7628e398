"""Lines that head or foot the pages of a document, told from its text by where they stand and what they say.

A line runs where it is on most pages as it is written. A number at a page's edge that grows by one with each
page is the page's where the line says so: `Page 3 of 9`, `- 3 -`, `3`. In other lines it is
(`Chapter 2: Care 13`) where the text goes on from page to page, or where other pages of the document say
theirs and this one doesn't. Else it may count what is on the pages, as in invoices 1 to 9 on pages 1 to 9.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import TypeVar

from slmworks_text.documents.lines import ends_sentence, is_full, usual_length

EDGE = 2
"""Lines at both ends of a page among which running ones are looked for."""
SHARED, LEAST = 0.5, 3
"""A line runs if it stands on more than this share of the pages, and on so many."""
GOES_ON = 0.25
"""A text goes on from page to page if more than this share of its pages end within a sentence."""
LONG = 200
"""Characters of a line that may hold its page's number at most."""
Numbers = Callable[[str], Iterable[re.Match[str]]]
"""Finds numbers in a line."""
T = TypeVar("T")
_NUMBER = re.compile(r"(?<!\d)\d{1,5}(?!\d)")
_CLEAR = (
    r"(?:page|pages|pg\.?|seite|página|pág\.?|pagina|pag\.?|bladzijde|blz\.?|sida|sivu|strona|страница|"
    r"стр\.?|第)"
)
_VAGUE = r"(?:p\.|s\.|str\.|side)"
"""Words that mean something else too: only at a line's beginning, behind a separator, or before `of 9`."""
_PAGE = rf"(?:{_CLEAR}|{_VAGUE})"
_OF = r"(?:of|/|von|de|di|sur|van|av|af|из|z|ze)"
_BEHIND = re.compile(r"\s*(?:页|頁|ページ|쪽|페이지)")
_BEFORE = re.compile(rf"(?:(?<!\w){_CLEAR}|(?:^|[|·•–—/-]\s*){_VAGUE})\s*$", re.IGNORECASE)
_BEFORE_OF = re.compile(rf"(?<!\w){_VAGUE}\s*$", re.IGNORECASE)
_OF_ALL = re.compile(rf"\s*{_OF}\s*\d", re.IGNORECASE)
_ALONE = re.compile(
    rf"[\W_]*(?:{_PAGE}\s*)?(?P<number>\d{{1,5}})\s*(?:页|頁|ページ|쪽|페이지)?(?:\s*{_OF}\s*\d{{1,5}})?[\W_]*",
    re.IGNORECASE,
)
"""A line that is a page's number and nothing else."""


def without_running_lines(texts: Sequence[Sequence[str]]) -> tuple[list[list[str]], int]:
    """The lines of each page that aren't empty and don't run, and how many did.

    Nothing tells head and text apart on a page that would be left empty or has no line between its edges:
    there only numbers that stand alone go.
    """
    pages = [[line for line in page if line.strip()] for page in texts]
    numbers = _Numbers(pages)
    seen = Counter(
        form
        for place, page in enumerate(pages)
        if len(page) > 2 * EDGE
        for form in {one for line in _edges(page) for one in numbers.forms(line, place)}
    )
    most = max(LEAST, int(SHARED * len(pages)) + 1)

    def runs(line: str, place: int) -> bool:
        written, *numbered = numbers.forms(line, place)
        return seen[written] >= most or any(seen[form] >= LEAST for form in numbered)

    found = []
    for place, page in enumerate(pages):
        inner = range(EDGE, len(page) - EDGE)
        kept = [line for i, line in enumerate(page) if i in inner or not runs(line, place)]
        if not inner or not kept:
            kept = list(page)
        kept = [
            line
            for i, line in enumerate(kept)
            if EDGE <= i < len(kept) - EDGE or not numbers.is_number(line, place)
        ]
        found.append(kept or list(page))
    return found, sum(map(len, pages)) - sum(map(len, found))


class _Numbers:
    """The numbers of a document's pages: the first one's, None without any, and which lines hold them."""

    def __init__(self, pages: Sequence[Sequence[str]]) -> None:
        edges = [[_written(line) for line in _edges(page)] for page in pages]
        said, any_ = _firsts(edges, _said_in), _firsts(edges, _NUMBER.finditer)
        self.first, first = _of_most(said, len(pages)), _of_most(any_, len(pages))
        self.goes_on = first is not None and _goes_on(pages, first)
        if self.first is None and first is not None and (self.goes_on or len(said[first]) >= LEAST):
            self.first = first
        self.said = said[self.first] if self.first is not None else set()
        """Places of the pages, from 0, on which a line says that it is the number."""

    def forms(self, line: str, place: int) -> list[str]:
        """A line as it is written, and without the number of its page (by its place, from 0) if it has it."""
        if self.first is None:
            return [_written(line)]
        any_ = self.goes_on or place not in self.said
        return _forms(line, self.first + place, _NUMBER.finditer if any_ else _said_in)

    def is_number(self, line: str, place: int) -> bool:
        """Whether a line is the number of its page and nothing else."""
        alone = _alone(_written(line))
        return alone is not None and self.first is not None and int(alone["number"]) == self.first + place


def _forms(line: str, page: int, numbers: Numbers) -> list[str]:
    """A line as it is written, and without each number in it that is this one."""
    written = _written(line)
    found = [one for one in numbers(written) if int(one[0]) == page] if len(written) <= LONG else []
    return [written, *(f"{written[: one.start()]}\0{written[one.end() :]}" for one in found)]


def _firsts(edges: Sequence[Sequence[str]], numbers: Numbers) -> defaultdict[int, set[int]]:
    """What the first page's number would be -> the pages that have a number which fits."""
    found = defaultdict[int, set[int]](set)
    for place, lines in enumerate(edges):
        for one in chain.from_iterable(numbers(line) for line in lines if len(line) <= LONG):
            found[int(one[0]) - place].add(place)
    return found


def _of_most(firsts: Mapping[int, set[int]], pages: int) -> int | None:
    """The first page's number that fits most pages; None where it fits too few."""
    first = max(firsts, key=lambda one: len(firsts[one]), default=0)
    known = len(firsts.get(first, ()))
    return first if known >= LEAST and known > SHARED * pages else None


def _said_in(written: str) -> Iterator[re.Match[str]]:
    """Numbers of which a line says that they are a page's."""
    alone = _alone(written)
    for one in _NUMBER.finditer(written):
        if (
            _BEFORE.search(written, 0, one.start())
            or (_BEFORE_OF.search(written, 0, one.start()) and _OF_ALL.match(written, one.end()))
            or _BEHIND.match(written, one.end())
            or (alone and alone.start("number") == one.start())
        ):
            yield one


def _written(line: str) -> str:
    return " ".join(line.split())


def _alone(written: str) -> re.Match[str] | None:
    return _ALONE.fullmatch(written) if len(written) <= LONG else None


def _edges(page: Sequence[T]) -> Sequence[T]:
    """What stands at both ends of a page; all of a short one."""
    return [*page[:EDGE], *page[-EDGE:]] if len(page) > 2 * EDGE else page


def _goes_on(pages: Sequence[Sequence[str]], first: int) -> bool:
    """Whether pages end with a full line and the next ones begin with a small letter, but for what recurs."""
    forms = [
        [_forms(line, first + place, _NUMBER.finditer) for line in page] for place, page in enumerate(pages)
    ]
    seen = Counter(form for page in forms for form in {*chain.from_iterable(_edges(page))})
    bodies = [
        [line for line, written in zip(page, own, strict=True) if all(seen[form] < LEAST for form in written)]
        for page, own in zip(pages, forms, strict=True)
    ]
    usual = usual_length(chain.from_iterable(bodies))
    within = [
        is_full(above[-1], usual) and not ends_sentence(above[-1]) and below[0].lstrip()[0].islower()
        for above, below in pairwise(filter(None, bodies))
    ]
    return sum(within) > GOES_ON * len(within)
