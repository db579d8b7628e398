"""Documents cut into chunks: so many tokens of the embedding model each, some of them shared with the next.

A chunk ends between words where the tokenizer knows words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Artifact, Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.feature_extraction.retrieval import document_id

COLUMN = "document"
"""Column of a data set's documents."""
PLACE = "place"
"""Column of a data set that curate/documents made: where each `text` stands."""
ENDINGS = (".txt", ".md")
"""Files that are documents."""


@dataclass(frozen=True)
class Chunk:
    """A part of a document."""

    id: str
    """The document's id, and the number of the chunk in it: `guide.md#3`."""
    text: str


def documents(found: Artifact) -> dict[str, str]:
    """Id -> text of every document: text files, the chunks of curate/documents, or the column `document`.

    Of all splits, and nothing else is read: neither questions nor answers. A chunk's id is its place.
    BadRequest where there is no text.
    """
    if isinstance(found, Files):
        texts = dict(_read(found.folder(found.names[0]) if len(found.names) == 1 else found.path))
        where = f"no text in a file that ends with {' or '.join(ENDINGS)} (UTF-8)"
    elif isinstance(found, Dataset) and are_chunks(found):
        columns_of = (found.columns(split, PLACE, "text") for split in found.splits)
        pairs = sorted(pair for places, said in columns_of for pair in zip(places, said, strict=True))
        texts = dict(pairs)
        if twice := [place for (place, _), (other, _) in pairwise(pairs) if place == other]:
            raise BadRequest(
                f"finetune: documents has several chunks at '{twice[0]}'; give each its own place."
            )
        where = "no chunk with text"
    elif isinstance(found, Dataset):
        named = [split for split in found.splits if found.has(split, COLUMN)]
        columns = (found.columns(split, COLUMN)[0] for split in named)
        known = sorted({str(text) for column in columns for text in column if text})
        texts = {document_id(text): text for text in known}
        where = f"no column '{COLUMN}' with text"
    else:
        raise BadRequest(
            f"finetune: documents is a {found.kind}; give data with a column '{COLUMN}', or a folder of text "
            "files."
        )
    texts = {name: text for name, text in texts.items() if text.strip()}
    if not texts:
        raise BadRequest(
            f"finetune: documents has {where}; give a folder of text files, or data that were curated for "
            "feature-extraction."
        )
    return texts


def are_chunks(found: Artifact) -> bool:
    """Whether curate/documents has cut the documents already."""
    return isinstance(found, Dataset) and all(found.has(split, PLACE) for split in found.splits)


def chunks(
    texts: Mapping[str, str], tokenizer: Any, size: int, overlap: int, *, cut: bool = False
) -> Iterator[Chunk]:
    """Chunks of `size` tokens at most; `overlap` of them are those that the chunk before ends with.

    `tokenizer`: of the library tokenizers, which neither cuts nor pads. `cut`: the texts are chunks already,
    and keep their text and id where they are no longer.
    """
    for name, text in texts.items():
        encoded = tokenizer.encode(text, add_special_tokens=False)
        if cut and len(encoded.ids) <= size:
            yield Chunk(name, text)
            continue
        for number, (start, end) in enumerate(windows(encoded.word_ids, size, overlap)):
            said = text[encoded.offsets[start][0] : encoded.offsets[end - 1][1]].strip()
            if said:
                yield Chunk(f"{name}#{number}", said)


def windows(words: Sequence[int | None], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of windows over tokens, given the word of each; `overlap` < `size`."""
    start, count = 0, len(words)
    while start < count:
        end = min(start + size, count)
        if end < count:
            end = _word_begin(words, end, start)
        yield start, end
        if end == count:
            return
        start = _word_begin(words, max(end - overlap, start + 1), start)


def _word_begin(words: Sequence[int | None], place: int, after: int) -> int:
    """The beginning of the word at a place; the place itself where that isn't behind `after`."""
    begin = place
    while begin > after and words[begin] is not None and words[begin] == words[begin - 1]:
        begin -= 1
    return begin if begin > after else place


def _read(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file():
            name = path.relative_to(folder).as_posix()
            try:
                yield name, path.read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise BadRequest(
                    f"finetune: documents: {name} is not UTF-8 (byte {error.start}); convert it first."
                ) from None
