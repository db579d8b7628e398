"""What `retrieval.json` says: passages are found for each conversation, and put before its last question.

Lewis et al., "Retrieval-augmented generation for knowledge-intensive NLP tasks" (2020), with a retriever that
isn't trained along. What is wrong with the folder is raised as the class that the caller names.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slmworks.model_tasks.text_generation.messages import asked_at, listed, problem
from slmworks.model_tasks.text_generation.retrieval.index import INDEX, Passage, PassageIndex, opened_index

RETRIEVAL = "retrieval.json"
"""Name of the file in a model's folder."""
RETRIEVAL_PACKAGES = ("numpy", "onnxruntime", "tokenizers")
"""Distributions that a model with passages needs beside those of its runtime."""


@dataclass(frozen=True)
class RetrievalSettings:
    """The content of `retrieval.json`."""

    embedder: str
    """Digest of the embedding model that the vectors were made with."""
    passages: int
    """Passages in the index."""
    count: int
    """Passages before each question at most."""
    least: float
    """The least cosine with the question that a passage must have."""
    instruction: str
    """Text before the passages."""
    abstention: str
    """The answer where no passage is near enough; empty: the model is asked without passages."""


@dataclass(frozen=True)
class Retrieval:
    """Passages for conversations."""

    settings: RetrievalSettings
    index: PassageIndex = field(compare=False)

    @classmethod
    def read(cls, folder: Path, threads: int, *, refused: type[Exception] = ValueError) -> "Retrieval | None":
        """The index in a model's folder, loaded; None without one. `refused`: raised for what is wrong."""
        if not (folder / RETRIEVAL).exists():
            return None
        settings = _settings(folder / RETRIEVAL, refused)
        index = opened_index(
            PassageIndex, folder / INDEX, settings.passages, threads,
            embedder=settings.embedder, made_by="finetune/retrieval-augmented", refused=refused,
        )  # fmt: skip
        return cls(settings, index)

    def found(self, row: Mapping[str, Any]) -> list[Passage]:
        """The passages for a row's last question; none for a row that has none."""
        messages = listed(row.get("messages"))
        if not messages or problem(messages):
            return []  # what is wrong with its messages, its prompt says
        asked = str(messages[asked_at(messages)]["content"])
        return self.index.search(asked, self.settings.count, self.settings.least)

    def put(self, row: Mapping[str, Any], passages: Sequence[Passage]) -> Mapping[str, Any]:
        """The row with passages before its last question."""
        messages = listed(row.get("messages"))
        if not passages or not messages:
            return row
        place = asked_at(messages)
        numbered = [f"[{number}] {one.text}" for number, one in enumerate(passages, 1)]
        parts = [self.settings.instruction, *numbered, str(messages[place]["content"])]
        turn = {**messages[place], "content": "\n\n".join(filter(None, parts))}
        return {**row, "messages": [*messages[:place], turn, *messages[place + 1 :]]}


def write_settings(settings: RetrievalSettings, folder: Path) -> None:
    """Write `retrieval.json`."""
    text = json.dumps(asdict(settings), indent=1, ensure_ascii=False) + "\n"
    (folder / RETRIEVAL).write_text(text, encoding="utf-8")


def _settings(path: Path, refused: type[Exception]) -> RetrievalSettings:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refused(_damaged_index(f"{RETRIEVAL} is no JSON: {error}")) from error
    kinds = RetrievalSettings.__annotations__
    if not isinstance(said, dict) or said.keys() != kinds.keys():
        raise refused(_damaged_index(f"{RETRIEVAL} must have {', '.join(kinds)}, and nothing else"))
    for name, kind in kinds.items():
        if type(said[name]) is not kind or (kind is int and said[name] < 1):
            raise refused(_damaged_index(f"'{name}' of {RETRIEVAL} is of another kind"))
    return RetrievalSettings(**said)


def _damaged_index(why: str) -> str:
    return f"the passages are damaged ({why}); make the model anew with finetune/retrieval-augmented."
