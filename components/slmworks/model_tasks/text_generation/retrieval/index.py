"""Texts of a model's folder, found for a question by meaning and by words: passages, and examples.

embedder/          the embedding model, an ONNX folder; without one, texts are found by their words alone
vectors.onnx, …    see `vectors` and `bm25`
passages.jsonl     of passages id and text of each; passage_ends.npy says where each line ends
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from slmworks.model_tasks.feature_extraction.onnx import OnnxEmbedder
from slmworks.model_tasks.text_generation.retrieval.bm25 import LexicalIndex
from slmworks.model_tasks.text_generation.retrieval.ranking import best, reciprocal_rank_fusion
from slmworks.model_tasks.text_generation.retrieval.vectors import Int8Vectors

INDEX = "retrieval"
"""Name of the index's folder."""
EMBEDDER = "embedder"
"""Name of the embedding model's folder in it."""
PASSAGES, PASSAGE_ENDS = "passages.jsonl", "passage_ends.npy"
RANKED = 50
"""Passages of each ranking that are fused."""


@dataclass(frozen=True)
class Passage:
    """A part of a document that was found for a question."""

    id: str
    text: str
    score: float
    """Sum of 1 / (60 + rank) over the rankings that it is in."""
    cosine: float
    """Of its embedding with the question's."""


@dataclass(frozen=True)
class Hit:
    """A text that was found."""

    place: int
    """Its number in the index."""
    score: float
    """Sum of 1 / (60 + rank) over the rankings that it is in."""
    cosine: float
    """Of its embedding with the question's; 0 where there are no embeddings."""


class TextIndex:
    """Texts by the cosine of embeddings and by BM25, fused by rank; any thread may ask."""

    def __init__(self, folder: Path, texts: int, threads: int) -> None:
        """Load the index in a folder: of so many texts, searched with `threads` threads."""
        self.embedder, self.vectors = None, None
        if (folder / EMBEDDER).is_dir():
            self.embedder = OnnxEmbedder(folder / EMBEDDER, threads)
            self.vectors = Int8Vectors(folder, threads)
        self.words = LexicalIndex(folder, texts)

    def hits(self, question: str, count: int, least: float = -1.0) -> list[Hit]:
        """At most `count` texts, the best first: none whose cosine is below `least`."""
        rankings, cosines = [self.words.best(question, max(RANKED, count))], None
        if self.embedder is not None and self.vectors is not None:
            (embedding,) = self.embedder.outputs([{"text": question}])
            cosines = self.vectors.cosines(embedding)
            rankings.insert(0, best(cosines, max(RANKED, count)))
        found = [
            Hit(place, score, 0.0 if cosines is None else float(cosines[place]))
            for place, score in reciprocal_rank_fusion(rankings)
        ]
        return [one for one in found if cosines is None or one.cosine >= least][:count]


class PassageIndex(TextIndex):
    """Passages of documents, with their texts."""

    def __init__(self, folder: Path, texts: int, threads: int) -> None:
        """Load the index in a folder: of so many passages, searched with `threads` threads."""
        import numpy as np

        super().__init__(folder, texts, threads)
        self._passages = np.memmap(folder / PASSAGES, np.uint8, "r")
        self._ends = np.load(folder / PASSAGE_ENDS)

    def search(self, question: str, count: int, least: float) -> list[Passage]:
        """At most `count` passages, the best first: none whose cosine is below `least`."""
        return [self._passage(one.place, one.score, one.cosine) for one in self.hits(question, count, least)]

    def _passage(self, place: int, score: float, cosine: float) -> Passage:
        start, end = int(self._ends[place - 1]) if place else 0, int(self._ends[place])
        said = json.loads(self._passages[start:end].tobytes())
        return Passage(str(said["id"]), str(said["text"]), round(score, 6), round(cosine, 4))


Index = TypeVar("Index", bound=TextIndex)


def opened_index(
    kind: type[Index], folder: Path, texts: int, threads: int, *,
    embedder: str, made_by: str, refused: type[Exception],
) -> Index:  # fmt: skip
    """The index in a folder, loaded; `refused` for a damaged one, and one of another embedding model.

    `embedder`: digest of the model that its vectors were made with, empty for none; `made_by`: the plugin
    that makes such a folder anew.
    """
    there = folder_digest(folder / EMBEDDER) if (folder / EMBEDDER).is_dir() else ""
    if there != embedder:
        raise refused(
            f"{folder.name}/{EMBEDDER} is another embedding model than the one that the vectors of "
            f"{folder.name}/ were made with, so they can't be compared; make the model anew with {made_by}."
        )
    try:
        return kind(folder, texts, threads)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # onnxruntime's have no class of their own
        raise refused(
            f"the index {folder.name}/ is damaged (it cannot be read: {error}); make the "
            f"model anew with {made_by}."
        ) from error


def folder_digest(folder: Path) -> str:
    """What identifies the files of an embedding model: sha256 over their names and bytes."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            said = hashlib.file_digest(file, "sha256").hexdigest()
        found.update(f"{said}  {path.relative_to(folder).as_posix()}\n".encode())
    return found.hexdigest()
