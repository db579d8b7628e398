"""Documents of an input to rows, a chunk each, and counts of the files that gave none."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_text.documents.blocks import Block, Unreadable
from slmworks_text.documents.chunks import PATH, Chunk, Chunker
from slmworks_text.documents.files import ENDINGS, kind_of, read_document
from slmworks_text.documents.places import ChunkRow
from slmworks_text.encodings import Encoding
from slmworks_text.reading import paths_of
from slmworks_text.rows import Tally, most_frequent
from slmworks_text.streams import COMPRESSED, Meter


@dataclass
class DocumentTally(Tally):
    """Counts of rows, and of files."""

    documents: Counter[str] = field(default_factory=Counter)
    """Kind of document -> those that were read."""
    pages: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    """Reason -> documents that gave no text."""
    unread: dict[tuple[str, str], str] = field(default_factory=dict)
    """Reason and input -> the first of them, and what is wrong there."""
    left_out: Counter[str] = field(default_factory=Counter)
    """What isn't kept of documents that were read -> how much."""
    others: Counter[str] = field(default_factory=Counter)
    """Ending -> files that are no documents."""

    def first_unread(self, reason: str) -> str:
        """The first document of all inputs that can't be read for a reason."""
        return next(found for (why, _), found in self.unread.items() if why == reason)


@dataclass(frozen=True)
class DocumentReading:
    """How the documents of one input are read."""

    chunker: Chunker
    encoding: Encoding
    place: int
    """The split that the input is for, or the pool: an index into `PLACES`."""


def read_documents(
    name: str, folder: Path, reading: DocumentReading, tally: DocumentTally, meter: Meter
) -> Iterator[ChunkRow]:
    """The chunks of an input, file by file in the order of their names."""
    refuse_archives(name, folder)
    for path, shown in files_of(name, folder):
        blocks = blocks_of(path, shown, name, reading.encoding, tally)
        yield from chunk_rows(blocks, shown, name, reading)
        meter.next_file(path.stat().st_size)


def files_of(name: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """The files of an input and how each is shown, in the order of their names."""
    return ((path, f"{name}/{path.relative_to(folder).as_posix()}") for path in paths_of(folder))


def blocks_of(path: Path, shown: str, name: str, encoding: Encoding, tally: DocumentTally) -> list[Block]:
    """The blocks of a file of an input; none of what is no document or can't be read."""
    kind = kind_of(path)
    if not kind:
        tally.others[path.suffix.lower() or "no ending"] += 1
        return []
    try:
        found = read_document(path, encoding, shown, tally.left_out)
    except Unreadable as why:
        tally.unreadable[why.reason] += 1
        said = f"{shown}{f': {why.detail}' if why.detail else ''}"
        tally.unread.setdefault((why.reason, name), said)
        return []
    tally.documents[kind] += 1
    tally.pages += max(block.page for block in found)
    return found


def chunk_rows(
    blocks: Sequence[Block], shown: str, name: str, reading: DocumentReading
) -> Iterator[ChunkRow]:
    """The chunks of a document, in order."""
    for number, chunk in enumerate(reading.chunker.chunks(blocks), 1):
        yield row_of(shown, number, chunk, name, reading.place)


def row_of(shown: str, number: int, chunk: Chunk, name: str, place: int) -> ChunkRow:
    """A chunk as a row."""
    first, last = chunk.pages
    page = f" p. {first}" if first and first == last else f" pp. {first}–{last}" if first else ""
    row = ChunkRow(
        text=chunk.text,
        target="",
        source=name,
        origin=f"{shown} chunk {number}{page.replace(' ', ', ', 1)}",
        place=place,
        group=shown,
        document=shown,
        spot=f"#{number}{page}",
        headings=PATH.join(chunk.headings),
    )
    row.target = row.standing
    return row


def refuse_archives(name: str, folder: Path) -> None:
    """BadRequest for an archive: fetch opens them."""
    for path in paths_of(folder):
        bare = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
        if (ending := bare.suffix.lower()) in (".zip", ".tar"):
            raise BadRequest(
                f"{name}/{path.relative_to(folder).as_posix()}: an archive; fetch what is in it: "
                f"{ending[1:]}://*::{path.name}, or unpack it."
            )


def refuse_unread(name: str, before: DocumentTally, tally: DocumentTally, most: float, way_out: str) -> None:
    """BadRequest for an input without a document, or with more unreadable ones than `most` of them.

    `way_out`: what can be done but to mend them, or empty.
    """
    lost = tally.unreadable - before.unreadable
    read = tally.documents.total() - before.documents.total()
    others = tally.others - before.others
    if not lost and not read:
        there = ", ".join(f"{ending} {count:,}" for ending, count in most_frequent(others)[:5]) or "nothing"
        known = ", ".join(ENDINGS)
        raise BadRequest(f"{name}: no document in it ({known}, each also compressed); there is: {there}.")
    if lost.total() > most * (read + lost.total()):
        named = ", ".join(f"{reason} {count:,}" for reason, count in most_frequent(lost))
        first = tally.unread[most_frequent(lost)[0][0], name]
        raise BadRequest(
            f"{name}: {lost.total():,} of {read + lost.total():,} documents can't be read ({named}), more "
            f"than {most:.0%}. The first: {first}. Mend or remove them{way_out}."
        )
