"""The passages of a model's folder, found for a question by meaning and by words.

retrieval.json               how passages are put, whose embeddings these are, how many there are
retrieval/embedder/          the embedding model, an ONNX folder
retrieval/vectors.onnx, …    see `vectors` and `bm25`
retrieval/passages.jsonl     id and text of each passage; passage_ends.npy says where each line ends
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

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


class PassageIndex:
    """Passages by the cosine of embeddings and by BM25, fused by rank; any thread may ask."""

    def __init__(self, folder: Path, passages: int, threads: int) -> None:
        """Load the index in a folder: of so many passages, searched with `threads` threads."""
        import numpy as np

        self.embedder = OnnxEmbedder(folder / EMBEDDER, threads)
        self.vectors = Int8Vectors(folder, threads)
        self.words = LexicalIndex(folder, passages)
        self._passages = np.memmap(folder / PASSAGES, np.uint8, "r")
        self._ends = np.load(folder / PASSAGE_ENDS)

    def search(self, question: str, count: int, least: float) -> list[Passage]:
        """At most `count` passages, the best first: none whose cosine is below `least`."""
        (embedding,) = self.embedder.outputs([{"text": question}])
        cosines = self.vectors.cosines(embedding)
        rankings = [best(cosines, RANKED), self.words.best(question, RANKED)]
        near = [one for one in reciprocal_rank_fusion(rankings) if cosines[one[0]] >= least]
        return [self._passage(place, score, float(cosines[place])) for place, score in near[:count]]

    def _passage(self, place: int, score: float, cosine: float) -> Passage:
        start, end = int(self._ends[place - 1]) if place else 0, int(self._ends[place])
        said = json.loads(self._passages[start:end].tobytes())
        return Passage(str(said["id"]), str(said["text"]), round(score, 6), round(cosine, 4))


def folder_digest(folder: Path) -> str:
    """What identifies the files of an embedding model: sha256 over their names and bytes."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            said = hashlib.file_digest(file, "sha256").hexdigest()
        found.update(f"{said}  {path.relative_to(folder).as_posix()}\n".encode())
    return found.hexdigest()
