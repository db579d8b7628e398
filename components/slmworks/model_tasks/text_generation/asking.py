"""What a generator is asked with beside the conversation: what lies beside its weights, put before each one.

`in_context.json` brings an instruction, examples and a grammar, `retrieval.json` passages of documents; a
model may have both, one or none. Both runtimes of generators ask through this.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slmworks.model_tasks.text_generation.in_context import EXAMPLES, IN_CONTEXT, InContext
from slmworks.model_tasks.text_generation.messages import listed
from slmworks.model_tasks.text_generation.retrieval.index import INDEX, Passage
from slmworks.model_tasks.text_generation.retrieval.retrieval import (
    RETRIEVAL,
    RETRIEVAL_PACKAGES,
    Retrieval,
)
from slmworks.model_tasks.text_generation.scope import (
    ANSWER_SCORES,
    NO_ANSWER,
    AnswerScope,
    Sureness,
    sureness,
)

Encode = Callable[[Mapping[str, Any]], list[int]]


@dataclass(frozen=True)
class Asked:
    """A row as the model is asked it."""

    row: Mapping[str, Any]
    ids: list[int]
    """Token ids of its prompt."""
    passages: tuple[Passage, ...] | None = None
    """Those that stand in it; None for a model that has none."""
    abstention: str = ""
    """The answer, where the model isn't asked at all."""
    question: Mapping[str, Any] = field(default_factory=dict)
    """The row as it came."""
    scope: AnswerScope | None = None
    """The threshold of a model that knows its scope."""

    @property
    def said(self) -> dict[str, Any]:
        """What the answer says of its sources: `passages`, each with id, score and cosine."""
        if self.passages is None:
            return {}
        known = [{"id": one.id, "score": one.score, "cosine": one.cosine} for one in self.passages]
        return {"passages": known}

    def abstained(self) -> dict[str, Any]:
        """The answer that isn't the model's."""
        answer = {"text": self.abstention, "finish": "stop", "tokens": 0, **self.said}
        return answer | (self.scope.said(self.unsure) if self.scope else {})

    @property
    def unsure(self) -> Sureness:
        """How sure the answer is that isn't the model's: not at all."""
        return dict.fromkeys(ANSWER_SCORES, NO_ANSWER)

    def sure(self, text: str, logprobs: Sequence[float]) -> Sureness:
        """How sure an answer is; `logprobs` of its tokens but the end."""
        return sureness(text, logprobs, listed(self.question.get("messages")) or (), self.passages)

    def answered(self, answer: Mapping[str, Any], logprobs: Sequence[float] | None) -> dict[str, Any]:
        """The model's answer with what is said of its sources, and of its scope where it is known."""
        found = {**answer, **self.said}
        if self.scope is not None and logprobs is not None:
            found |= self.scope.said(self.sure(str(answer["text"]), logprobs))
        return found


@dataclass(frozen=True)
class Asking:
    """An instruction, examples, a grammar, passages and a threshold; empty for most models."""

    in_context: InContext
    retrieval: Retrieval | None = None
    scope: AnswerScope | None = None

    @classmethod
    def read(cls, folder: Path, threads: int, *, refused: type[Exception] = ValueError) -> "Asking":
        """What a model's folder says. `refused`: raised for what is wrong with it."""
        in_context = InContext.read(folder, refused=refused).opened(folder, threads)
        retrieval = Retrieval.read(folder, threads, refused=refused)
        return cls(in_context, retrieval, AnswerScope.read(folder, refused=refused))

    def asked(self, row: Mapping[str, Any], encode: Encode, context: int, most: int) -> Asked:
        """A row with examples and passages: fewer passages where all of them leave no room for an answer.

        `context`: tokens that the model reads and writes, 0 without a limit; `most`: those of an answer.
        """
        return replace(self._asked(row, encode, context, most), question=row, scope=self.scope)

    def _asked(self, row: Mapping[str, Any], encode: Encode, context: int, most: int) -> Asked:
        examples = self.in_context.chosen(row)
        shown = self.in_context.row(row, examples)
        if self.retrieval is None:
            return Asked(shown, self.in_context.encode(row, encode, context, examples))
        passages = self.retrieval.found(row)
        room = min(most, context // 2)
        for count in range(len(passages), 0, -1):
            put = self.retrieval.put(shown, passages[:count])
            ids = encode(put)
            if not context or len(ids) + room <= context:
                return Asked(put, ids, tuple(passages[:count]))
        ids = self.in_context.encode(row, encode, context, examples)
        return Asked(shown, ids, (), self.retrieval.settings.abstention)


def asking_packages(folder: Path) -> tuple[str, ...]:
    """Distributions that what lies in a model's folder needs, beside those of its runtime."""
    in_context = InContext.read(folder)
    by_tf_idf = ("scikit-learn",) if in_context.nearest and in_context.embedder is None else ()
    found = [*by_tf_idf]
    if in_context.embedder is not None:
        found += RETRIEVAL_PACKAGES if in_context.embedder else ("numpy",)
    if (folder / RETRIEVAL).is_file():
        found += RETRIEVAL_PACKAGES
    return tuple(dict.fromkeys(found))


def carry_asking(source: Path, target: Path) -> None:
    """Hand on what a model is asked with to a folder that has the same model in another form."""
    for name, index in ((IN_CONTEXT, EXAMPLES), (RETRIEVAL, INDEX)):
        if not (source / name).is_file():
            continue
        shutil.copyfile(source / name, target / name)
        if (source / index).is_dir():
            shutil.copytree(source / index, target / index, copy_function=shutil.copyfile)
