"""Blocks packed into chunks of so many tokens (or words), some of them shared with the chunk before.

A chunk ends, in this order: before a heading once it is half full; between blocks; between sentences or
lines; and only within what is longer than a chunk between words, or else between tokens.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile

from slmworks_text.conversations.token_lengths import Measure
from slmworks_text.documents.blocks import Block
from slmworks_text.documents.sentences import sentences

FULL = 0.5
"""From this share of its size on a chunk ends before a heading."""
LONG = 10_000
"""Characters that are counted as one at most."""
BATCH = 256
"""Parts that are counted at once."""
PARAGRAPH = "\n\n"
PATH = " › "
"""Between headings of a path."""


@dataclass(frozen=True)
class Chunk:
    """A part of a document."""

    text: str
    headings: tuple[str, ...]
    """Those above its first words, the outermost first."""
    pages: tuple[int, int]
    """First and last page; 0: no pages."""


@dataclass(frozen=True)
class Unit:
    """What a chunk is put together from: a heading, a sentence, a line, or a part of a long one."""

    text: str
    """With the blanks behind it."""
    cost: int
    """Tokens."""
    block: Block
    shared: bool = False
    """The chunk before has it too."""


@dataclass(frozen=True)
class Chunker:
    """Cuts documents."""

    measure: Measure
    size: int
    """Tokens of a chunk at most."""
    overlap: int
    """Tokens at most that a chunk shares with the one before; fewer than `size`."""
    repeat: bool
    """A chunk that doesn't begin with its heading begins with the path of headings."""
    counted: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Tokens of paths of headings."""

    def chunks(self, blocks: Sequence[Block]) -> Iterator[Chunk]:
        """The chunks of a document, in order."""
        units, waiting, open_ = self._units(blocks), deque[Unit](), list[Unit]()
        while (unit := waiting.popleft() if waiting else next(units, None)) is not None:
            if not self._ends_before(unit, open_):
                open_.append(unit)
                continue
            made, left = self._made(open_)
            yield made
            waiting.appendleft(unit)
            waiting.extendleft(reversed(left))
            open_ = (
                [] if waiting[0].block.kind == "heading" else self._shared(open_[: len(open_) - len(left)])
            )
            while open_ and not self._fits([*open_, waiting[0]]):
                open_.pop(0)
        while not _bare(open_):
            made, open_ = self._made(open_)
            yield made

    def _ends_before(self, unit: Unit, open_: Sequence[Unit]) -> bool:
        """Whether the chunk ends before a unit."""
        opens = (
            not _bare(open_)
            and unit.block.kind == "heading"
            and sum(one.cost for one in open_) >= FULL * self.size
        )
        return opens or (bool(open_) and not self._fits([*open_, unit]))

    def _fits(self, units: Sequence[Unit]) -> bool:
        """By the sum of the parts, which is about the cost of the whole."""
        head = self._path(units[0].block) if self._head(units[0]) else 0
        return sum(unit.cost for unit in units) <= self.size - head

    def _made(self, units: Sequence[Unit]) -> tuple[Chunk, list[Unit]]:
        """A chunk of these units that is no longer than allowed, and those that are left for the next.

        Headings at its end are left, and what turns out to be too long when it is counted as a whole.
        """
        count, text = len(units), ""
        while count > 1 and units[count - 1].block.kind == "heading" and not _bare(units[:count]):
            count -= 1
        while self._cost(text := self._text(units[:count])) > self.size and count > 1:
            count -= 1
        if self._cost(text) > self.size:
            text = units[0].text.strip()
        taken = units[:count]
        first = taken[0].block
        pages = [unit.block.page for unit in taken]
        return Chunk(text, first.headings, (min(pages), max(pages))), list(units[count:])

    def _text(self, units: Sequence[Unit]) -> str:
        return (self._head(units[0]) + "".join(unit.text for unit in units)).strip("\n").rstrip()

    def _head(self, first: Unit) -> str:
        """The path of headings before a chunk; empty where it begins with its own, or they are too long."""
        if not self.repeat or not first.block.headings or first.block.kind == "heading":
            return ""
        return _path_of(first.block) if self._path(first.block) <= self.size // 4 else ""

    def _shared(self, units: Sequence[Unit]) -> list[Unit]:
        """The last units of a chunk that make no more than `overlap` tokens; at least a part of the last."""
        found: list[Unit] = []
        left = self.overlap
        for unit in takewhile(lambda one: one.block.kind != "heading", reversed(units)):
            if unit.cost > left:
                break
            found.insert(0, replace(unit, shared=True))
            left -= unit.cost
        if found or not self.overlap or units[-1].block.kind == "heading":
            return found
        last = units[-1]
        (spans,) = self.measure.spans([last.text])
        start = spans[-self.overlap][0]
        blank = last.text.find(" ", start)
        text = last.text[blank + 1 if 0 <= blank < len(last.text.rstrip()) else start :]
        return [Unit(text, self._cost(text), last.block, shared=True)]

    def _units(self, blocks: Sequence[Block]) -> Iterator[Unit]:
        parts = (
            (part + (PARAGRAPH if last else ""), block) for block in blocks for part, last in _parts(block)
        )
        while batch := list(islice(parts, BATCH)):
            counted = self.measure.spans([part for part, _ in batch])
            for (part, block), spans in zip(batch, counted, strict=True):
                most = max(self.size // 2, self.size - self._path(block))
                if len(spans) <= most:
                    yield Unit(part, len(spans), block)
                else:
                    yield from self._cut(part, block, spans, most)

    def _cut(self, text: str, block: Block, spans: Sequence[tuple[int, int]], size: int) -> Iterator[Unit]:
        """Parts of a sentence that is longer than `size`, at blanks where there are some."""
        starts, start = [begin for begin, _ in spans], 0
        while start < len(text):
            place = bisect_left(starts, start) + size
            end = starts[place] if place < len(starts) else len(text)
            if end < len(text):
                blank = text.rfind(" ", (start + end) // 2, end)
                end = blank + 1 if blank > 0 else max(end, start + 1)
            if text[start:end].strip():
                yield Unit(text[start:end], self._cost(text[start:end]), block)
            start = end

    def _path(self, block: Block) -> int:
        """Tokens of the headings above a block."""
        head = _path_of(block)
        if head not in self.counted:
            self.counted[head] = self._cost(head)
        return self.counted[head]

    def _cost(self, text: str) -> int:
        return len(self.measure.spans([text])[0]) if text else 0


def _path_of(block: Block) -> str:
    return PATH.join(block.headings) + PARAGRAPH if block.headings else ""


def _bare(units: Sequence[Unit]) -> bool:
    """Whether nothing but headings is new in a chunk."""
    return all(unit.block.kind == "heading" or unit.shared for unit in units)


def _parts(block: Block) -> Iterator[tuple[str, bool]]:
    """Headings, lines, or sentences, and whether each is the last of its block."""
    lines = [block.text] if block.kind == "heading" else block.text.splitlines(keepends=True)
    found = [part for line in lines for part in ([line] if block.kind != "text" else sentences(line))]
    pieces = [piece for part in found for piece in (_pieces(part) if len(part) > LONG else [part])]
    return ((piece, place == len(pieces)) for place, piece in enumerate(pieces, 1))


def _pieces(text: str) -> Iterator[str]:
    """A text without an end of a sentence, cut at blanks, so that what is counted at once has a size."""
    start = 0
    while start < len(text):
        blank = text.rfind(" ", start + LONG // 2, start + LONG) if len(text) - start > LONG else -1
        end = blank + 1 if blank > 0 else start + LONG
        yield text[start:end]
        start = end
