"""The chunk or the document that a person means.

Named by a place (`manuals/pump.pdf#12`), by an id of the curated data, by a file, or by text that it holds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks_text.curate_documents import CurateDocuments
from slmworks_text.curate_rows import Models
from slmworks_text.documents.files import ENDINGS, kind_of
from slmworks_text.documents.places import ChunkRow, digest_of
from slmworks_text.documents.reading import (
    DocumentTally,
    blocks_of,
    chunk_rows,
    files_of,
    refuse_archives,
)
from slmworks_text.explain.found import Searched, holding
from slmworks_text.operators.running import opened
from slmworks_text.rows import Row, Tally

NUMBER = re.compile(r"(?:#|:| chunk )(?P<number>[0-9]{1,9})(?=$|,? pp?\. |: )")
"""Stands in a place behind the document; pages and headings may follow."""
ID = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True)
class Document:
    """A file of an input, and its chunks as they were read."""

    shown: str
    """`<input>/<file>`."""
    chunks: list[ChunkRow]
    """None of what is no document or can't be read."""
    tally: DocumentTally
    """Counts of this file alone."""

    @property
    def about(self) -> str:
        """Kind, pages and chunks, or why there are none."""
        if not self.chunks:
            for reason, _ in self.tally.unread:
                detail = self.tally.first_unread(reason).removeprefix(self.shown).removeprefix(": ")
                return f"dropped: {reason}{f' ({detail})' if detail else ''}"
            return f"no document: its ending is none of {', '.join(ENDINGS)}"
        (kind,), pages = self.tally.documents, self.tally.pages
        return ", ".join(
            [kind, *([counted(pages, "page")] if pages else []), counted(len(self.chunks), "chunk")]
        )

    @property
    def left_out(self) -> str:
        """What isn't kept of it; empty: nothing."""
        return ", ".join(f"{what} {count:,}" for what, count in (+self.tally.left_out).items())


@dataclass(frozen=True)
class FoundChunk:
    """A chunk of a document."""

    document: Document
    number: int
    """From 1."""

    @property
    def row(self) -> ChunkRow:
        """The chunk as it was read."""
        return self.document.chunks[self.number - 1]

    @property
    def where(self) -> str:
        """`manuals/pump.pdf#12 p. 3: Pump › Care`."""
        return self.row.standing

    @property
    def named(self) -> str:
        """`manuals/pump.pdf#12`."""
        return f"{self.document.shown}#{self.number}"

    def holds(self, text: str) -> bool:
        """True where a text (without its case) is in it as it was read, wherever lines end."""
        return " ".join(text.split()) in " ".join(self.row.text.casefold().split())


class Shelf:
    """The files of all inputs of documents, each read when it is asked for."""

    def __init__(self, plugin: CurateDocuments, data: Files) -> None:
        self.plugin = plugin
        self.inputs = plugin.row_names(data)
        for name in self.inputs:
            refuse_archives(name, data.folder(name))
        self.files: dict[str, tuple[str, Path]] = {
            shown: (name, path) for name in self.inputs for path, shown in files_of(name, data.folder(name))
        }
        self.reading = plugin.reading(data)

    def __iter__(self) -> Iterator[Document]:
        return map(self.document, self.files)

    def document(self, shown: str) -> Document:
        """A file that is there."""
        (name, path), tally = self.files[shown], DocumentTally()
        reading = replace(self.reading, place=self.plugin.place_of(name))
        blocks = blocks_of(path, shown, name, reading.encoding, tally)
        return Document(shown, list(chunk_rows(blocks, shown, name, reading)), tally)

    def chunks(self) -> Iterator[FoundChunk]:
        """All chunks."""
        for document in self:
            for number in range(1, len(document.chunks) + 1):
                yield FoundChunk(document, number)

    def named(self, document: str) -> str:
        """The file of a name, which may be redacted and end with its digest; empty: none."""
        if document in self.files:
            return document
        digest = document[-8:]
        return next((shown for shown in self.files if digest_of(shown) == digest), "")


def sought(
    asked: str, plugin: CurateDocuments, data: Files, models: Models
) -> Document | Searched[FoundChunk]:
    """The document or chunk that is asked for; BadRequest for none."""
    shelf, text = Shelf(plugin, data), asked.strip()
    if not text:
        raise BadRequest(
            "--explain: name a chunk (INPUT/FILE#NUMBER, or its id), a document (INPUT/FILE), or text that a "
            "chunk holds."
        )
    if shown := shelf.named(text):
        return shelf.document(shown)
    for place in NUMBER.finditer(text):
        if shown := shelf.named(text[: place.start()]):
            document, number = shelf.document(shown), int(place["number"])
            return _numbered(document, number, asked) if document.chunks else document
    if text.partition("/")[0] in shelf.inputs:
        _refuse_place(text, shelf)
    found = _of_id(text, shelf, data, models) if ID.fullmatch(text) else None
    if found := found or holding(text, shelf.chunks()):
        return found
    _refuse_place(text, shelf)
    example = next((shown for shown in shelf.files if kind_of(Path(shown))), f"{shelf.inputs[0]}/FILE")
    what = "has this id, or had it before it was dropped" if ID.fullmatch(text) else f"holds '{text:.60}'"
    raise BadRequest(
        f"--explain: no chunk {what}; name one by its place, such as {example}#1, or its document: {example}."
    )


def counted(count: int, noun: str) -> str:
    """`1 chunk`, `2 chunks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _numbered(document: Document, number: int, asked: str) -> Searched[FoundChunk]:
    if not 1 <= number <= len(document.chunks):
        last = f"chunks 1 to {len(document.chunks):,}" if len(document.chunks) > 1 else "one chunk, #1"
        raise BadRequest(f"--explain {asked}: {document.shown} has {last}.")
    return Searched(FoundChunk(document, number))


def _refuse_place(text: str, shelf: Shelf) -> None:
    """BadRequest for what is written like the place of a file that isn't there."""
    place = NUMBER.search(text)
    name = text[: place.start()] if place else text
    head, slash, _ = name.partition("/")
    if not kind_of(Path(name)) and not (place and slash):
        return
    if slash and head not in shelf.inputs:
        raise BadRequest(
            f"--explain {text}: no input of documents named '{head}'. {did_you_mean(head, shelf.inputs)}"
        )
    raise BadRequest(f"--explain {text}: no file '{name}'. {did_you_mean(name, shelf.files)}")


def _of_id(id_: str, shelf: Shelf, data: Files, models: Models) -> Searched[FoundChunk] | None:
    """The chunk that has this id behind all steps on single rows."""
    operators = opened(shelf.plugin.operators, data, models)
    for document in shelf:
        copies: list[Row] = [replace(chunk) for chunk in document.chunks]
        for row in shelf.plugin.cleaned(copies, operators, Tally()):
            if row.identity() == id_:
                origins = [chunk.origin for chunk in document.chunks]
                return Searched(FoundChunk(document, origins.index(row.origin) + 1))
    return None
