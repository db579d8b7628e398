"""HTML as blocks (lxml, read as a stream of events: no tree, so no depth that costs anything).

What stands around the text is left out: navigation, headers and footers of the page, asides, scripts, fields
of forms. Where the page says which part is the text (`main`, or an `article` that has most of it), only that
is kept, and the characters of the rest are counted.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from slmworks_text.documents.blocks import Block, Kind, Outline

PIECE = 1 << 16
AROUND = frozenset((
    "nav", "aside", "footer", "script", "style", "noscript", "template", "select", "button", "textarea",
    "datalist", "iframe", "svg", "math", "object", "head",
))  # fmt: skip
"""Elements of which nothing is read; `header` is one outside `main` and `article`."""
ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alert"))
ENDS = frozenset((
    "p", "div", "section", "article", "main", "header", "ul", "ol", "dl", "table", "tr", "blockquote",
    "figure", "figcaption", "details", "summary", "body", "hr", "address", "fieldset", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "pre", "dt", "dd", "li", "td", "th", "caption",
))  # fmt: skip
"""Elements at whose ends a block, a line or a cell ends."""
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
LISTS = frozenset(("ul", "ol", "dl", "table"))
SHARES = {"main": 0.25, "article": 0.5}
"""The first part that has more than so much of what the whole page has is taken for the text."""
OUTSIDE = "characters outside of main and article"
"""What is left out of pages, as it is counted."""


def html_blocks(text: str, left_out: Counter[str]) -> Iterator[Block]:
    """The blocks of a page; characters outside of the part that is its text are counted in `left_out`."""
    from lxml import etree

    reader = _Reader()
    parser = etree.HTMLParser(target=reader, huge_tree=True, recover=True, no_network=True)
    for start in range(0, len(text), PIECE):
        parser.feed(text[start : start + PIECE])
    if text.strip():
        parser.close()
    size = sum(len(block.text) for block, _ in reader.found)
    for part, share in SHARES.items():
        inside = [block for block, parts in reader.found if part in parts]
        kept = sum(len(block.text) for block in inside)
        if kept > share * size:
            left_out[OUTSIDE] += size - kept
            yield from inside
            return
    yield from (block for block, _ in reader.found)


@dataclass
class _Reader:
    """Takes the events of a parser; `found` has blocks, and the parts of the page that each is in."""

    found: list[tuple[Block, frozenset[str]]] = field(default_factory=list)
    outline: Outline = field(default_factory=Outline)
    skipped: list[str] = field(default_factory=list)
    """Open elements from the first of which nothing is read."""
    parts: Counter[str] = field(default_factory=Counter)
    """Part -> how often it is open."""
    lists: int = 0
    pre: int = 0
    words: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if self.skipped or self._is_around(tag, attributes):
            self.skipped.append(tag)
            return
        if tag == "br":
            self.words.append("\n")
        if tag in ENDS and not (self.lists and tag == "p"):
            self._end(tag, begins=True)
        self.parts.update([tag] if tag in SHARES else [])
        self.lists += tag in LISTS
        self.pre += tag == "pre"

    def end(self, tag: str) -> None:
        """An element ends."""
        if self.skipped:
            if tag in self.skipped:
                while self.skipped.pop() != tag:
                    pass
            return
        if tag in HEADINGS:
            self._heading(int(tag[1]))
        elif tag in ENDS:
            self._end(tag, begins=False)
        if self.parts[tag]:
            self.parts[tag] -= 1
        self.lists -= tag in LISTS and self.lists > 0
        self.pre -= tag == "pre" and self.pre > 0

    def data(self, text: str) -> None:
        """Words."""
        if not self.skipped:
            self.words.append(text if self.pre else re.sub(r"\s+", " ", text))

    def comment(self, text: str) -> None:
        """Nothing of the text."""

    def close(self) -> None:
        """The page ends."""
        self._end("body", begins=False)

    def _is_around(self, tag: str, attributes: dict[str, str]) -> bool:
        if tag in ("html", "body", "main"):
            return False
        hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
        page_header = tag == "header" and not self.parts.total()
        return tag in AROUND or page_header or hidden or attributes.get("role", "") in ROLES

    def _end(self, tag: str, *, begins: bool) -> None:
        """End what is open: a cell within a row, a line within a list, else the block."""
        said = self._said()
        if tag in ("td", "th"):
            self.cells += [said] if said or not begins else []
            return
        if self.cells:
            said, self.cells = " | ".join([*self.cells, *([said] if said else [])]), []
        self.lines += [said] if said.strip() else []
        outside = self.lists == 0 or (self.lists == 1 and tag in LISTS and not begins)
        if self.lines and outside:
            self._add(
                "\n".join(self.lines), "lines" if tag in LISTS or tag == "pre" else "text", self.outline.path
            )
            self.lines = []

    def _heading(self, level: int) -> None:
        """A heading; what waits for the end of a list or table stands above it."""
        if title := " ".join(self._said().split()):
            above = [*self.lines, *([" | ".join(self.cells)] if self.cells else [])]
            self.lines, self.cells = [], []
            if above:
                self._add("\n".join(above), "lines", self.outline.path)
            self._add(title, "heading", self.outline.enter(level, title))

    def _add(self, text: str, kind: Kind, headings: tuple[str, ...]) -> None:
        self.found.append((Block(text, kind, headings), frozenset(+self.parts)))

    def _said(self) -> str:
        """The words since the last end."""
        said, self.words = "".join(self.words), []
        if self.pre:
            return said.strip("\n")
        return "\n".join(line.strip() for line in re.sub(r" +", " ", said).split("\n")).strip()
