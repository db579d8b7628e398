"""HTML as blocks (lxml, read as a stream of events: no tree, so no depth that costs anything).

What stands around the text is left out: navigation, headers and footers of the page, asides, forms, scripts.
Where the page says which part is the text (`main`, `article`), only that is kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from slmworks_text.documents.blocks import Block, Outline

PIECE = 1 << 16
AROUND = frozenset((
    "nav", "aside", "footer", "form", "script", "style", "noscript", "template", "select", "button", "iframe",
    "svg", "math", "object", "head",
))  # fmt: skip
"""Elements of which nothing is read; `header` is one outside `main` and `article`."""
ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alert"))
MAIN = frozenset(("main", "article"))
ENDS = frozenset((
    "p", "div", "section", "article", "main", "header", "ul", "ol", "dl", "table", "tr", "blockquote",
    "figure", "figcaption", "details", "summary", "body", "hr", "address", "fieldset", "h1", "h2", "h3", "h4",
    "h5", "h6", "pre", "dt", "dd", "li", "td", "th", "caption",
))  # fmt: skip
"""Elements at whose ends a block, a line or a cell ends."""
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
LISTS = frozenset(("ul", "ol", "dl", "table"))
SHARE = 0.25
"""`main` and `article` are taken for the text if they have so much of what the whole page has."""


def html_blocks(text: str) -> Iterator[Block]:
    """The blocks of a page."""
    from lxml import etree

    reader = _Reader()
    parser = etree.HTMLParser(target=reader, huge_tree=True, recover=True, no_network=True)
    for start in range(0, len(text), PIECE):
        parser.feed(text[start : start + PIECE])
    if text.strip():
        parser.close()
    inside = [block for block, is_main in reader.found if is_main]
    size = sum(len(block.text) for block, _ in reader.found)
    if sum(len(block.text) for block in inside) >= SHARE * size:
        yield from inside
    else:
        yield from (block for block, _ in reader.found)


@dataclass
class _Reader:
    """Takes the events of a parser; `found` has blocks, and whether each is of the page's main part."""

    found: list[tuple[Block, bool]] = field(default_factory=list)
    outline: Outline = field(default_factory=Outline)
    skipped: list[str] = field(default_factory=list)
    """Open elements from the first of which nothing is read."""
    main: int = 0
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
        self.main += tag in MAIN
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
        self.main -= tag in MAIN and self.main > 0
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
        page_header = tag == "header" and not self.main
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
            kind = "lines" if tag in LISTS or tag == "pre" else "text"
            block = Block("\n".join(self.lines), kind, self.outline.path)  # type: ignore[arg-type]
            self.found.append((block, self.main > 0))
            self.lines = []

    def _heading(self, level: int) -> None:
        if title := " ".join(self._said().split()):
            block = Block(title, "heading", self.outline.enter(level, title))
            self.found.append((block, self.main > 0))

    def _said(self) -> str:
        """The words since the last end."""
        said, self.words = "".join(self.words), []
        if self.pre:
            return said.strip("\n")
        return "\n".join(line.strip() for line in re.sub(r" +", " ", said).split("\n")).strip()
