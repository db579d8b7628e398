"""The model task `feature-extraction`: sentence embeddings, judged as a search engine uses them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import (
    Answer,
    Answering,
    Details,
    Dialect,
    LeftOut,
    ModelTask,
    Row,
    Trivial,
    share,
)
from slmworks.contract.truncation import Truncation
from slmworks.model_tasks.feature_extraction import columns, retrieval
from slmworks.model_tasks.feature_extraction.openai import EMBEDDINGS
from slmworks.model_tasks.truncation import of_model

RANKS = {"1": range(1, 2), "2–3": range(2, 4), "4–10": range(4, 11)}
"""Groups of ranks on the reviewer's page."""


class Embedding(Documented):
    """The embedding of one text."""

    embedding: list[float]
    """A vector of length 1: the cosine of two of them says how alike two texts are."""


class FeatureExtraction(ModelTask):
    """A text as a vector; nDCG@10 over a ranking of documents decides.

    A row is a question (`text`) with the one document that answers it (`document`). The documents of all
    splits are searched.
    """

    name: ClassVar[str] = columns.NAME
    inputs: ClassVar[tuple[str, ...]] = columns.INPUTS
    targets: ClassVar[tuple[str, ...]] = columns.TARGETS
    reads_targets: ClassVar[bool] = True
    carried_meta: ClassVar[tuple[str, ...]] = ("dimensions", "max_length", "parameters")
    pretrained: ClassVar[bool] = True
    measures: ClassVar = (
        share("ndcg_10", "nDCG@10", retrieval.ndcg),
        share("recall_10", "recall@10", retrieval.recall),
        share("accuracy_1", "accuracy@1", retrieval.first),
    )

    route: ClassVar[str] = "embed"
    verb: ClassVar[str] = "Embed"
    response: ClassVar[type[BaseModel]] = Embedding
    example: ClassVar[Row] = {"text": "Which documents do I need to open an account?"}
    dialects: ClassVar[tuple[Dialect, ...]] = (EMBEDDINGS,)

    def check(self, data: Dataset, split: str, rows: Sequence[Row]) -> None:
        """BadRequest for a question without a document."""
        missing = sum(1 for row in rows if not row["document"])
        if missing:
            raise BadRequest(
                f"the data's split '{split}' has {missing} rows without a document; curate it again, with "
                "`label:` naming the column of the document that answers each question."
            )

    def judged(
        self, answer: Answering, splits: Mapping[str, Sequence[Row]], data: Dataset
    ) -> dict[str, list[Answer]]:
        """The ten nearest documents of each question."""
        return retrieval.rankings(answer, splits, data)

    def trivial(self, data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
        """Retrieval by words."""
        from slmworks.model_tasks.feature_extraction import trivial

        return trivial.fit(data)

    def details(
        self, rows: Sequence[Row], answers: Sequence[Answer], model: Model, *, resamples: int, seed: int
    ) -> Details:
        """Questions by the rank of the right document, and how many documents were searched."""
        ranks = [retrieval.rank_of(row, answer) for row, answer in zip(rows, answers, strict=True)]
        counts = {name: sum(rank in group for rank in ranks) for name, group in RANKS.items()}
        searched = answers[0]["documents"] if answers else 0
        return Details(content={"ranks": counts | {"beyond": ranks.count(0)}, "documents": searched})

    def truncation(self, rows: Sequence[Row], model: Model) -> Truncation:
        """Texts and tokens beyond the model's `max_length`."""
        return of_model(model, [row["text"] for row in rows])

    def agreement(self, wanted: Answer, found: Answer) -> float:
        """The cosine of the two embeddings, 0 where it is negative."""
        import numpy as np

        a, b = (np.array(one["embedding"]) for one in (wanted, found))
        return max(0.0, float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)))

    def confidence(self, answer: Answer) -> float | None:
        """The cosine of the first document."""
        return min(1.0, max(0.0, answer["scores"][0])) if "scores" in answer else None

    def brief(self, answer: Answer) -> str:
        """The first document of a ranking, or the first numbers of an embedding."""
        if "first" in answer:
            return str(answer["first"])
        numbers = answer["embedding"]
        return f"[{', '.join(f'{one:.3f}' for one in numbers[:3])}, …] ({len(numbers)} numbers)"

    def truth(self, row: Row) -> str:
        """The document that answers the question."""
        return str(row["document"] or "")[:200]

    def sections(self, candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Sequence[str]:
        """Ranks of the right document."""
        from slmworks.model_tasks.feature_extraction import page

        return (page.ranks(candidate, teacher),)

    def companions(self, model: Model) -> Mapping[str, str]:
        """`embedding.json`: the vector's dimensions and the length in tokens."""
        return columns.companions(model)
