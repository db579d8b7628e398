"""`toxicity`: rows that a classifier of the user's calls toxic, dropped or made a source of their own."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, PrivateAttr

from slmworks.contract.artifact import Artifact, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import Runtime, open_runtime
from slmworks.curate.operator import Dropped, Kept, Result, RowOperator, TextRow
from slmworks.model_tasks.named_labels import NamedLabels

JUDGE = "judge"
TOXIC = "toxic"


class Toxicity(RowOperator):
    """Drop or tag rows that a classifier calls toxic; `from` names it: `judge: STEP`.

    Of a row with several texts (`roles` chooses among them) the worst counts. The classifier may be of
    anything else that a text can be: spam, advertising, a topic.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("onnxruntime", "tokenizers", "torch", "transformers")

    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    """The judge's labels that mean toxic; their probabilities are added."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Probability at and above which a text counts as toxic."""
    action: Literal["drop", "tag"] = "drop"
    """`drop` the row, or make its source `SOURCE:toxic`, so that quality is sliced by it."""
    batch_size: PositiveInt = 1
    """Texts that the judge answers together. More are faster; a model that is quantized dynamically then
    answers a text by its company, so that which rows are dropped depends on the others."""
    _folder: Path | None = PrivateAttr(default=None)

    def asks(self) -> tuple[str, ...]:
        """The classifier."""
        return (JUDGE,)

    def opened(self, folders: Mapping[str, Path]) -> Self:
        """With the classifier; BadRequest for a model that is none, or hasn't these labels."""
        found = self.model_copy()
        found._folder = folders[JUDGE]  # noqa: SLF001 (a copy of its own)
        _labels(folders[JUDGE], self.classes)
        return found

    def apply(self, row: TextRow) -> Result:
        """Dropped or tagged, with the probability."""
        return self.apply_all([row])[0]

    def apply_all(self, rows: Sequence[TextRow]) -> list[Result]:
        """The same of many; a text that several have is answered once."""
        if self._folder is None:
            raise BadRequest(f"toxicity: it asks a classifier; give one as `{JUDGE}`.")
        texts = [row.texts for row in rows]
        asked = list(dict.fromkeys(chain.from_iterable(texts)))
        labels, runtime = _labels(self._folder, self.classes), _runtime(self._folder)
        found, _ = labels.probabilities(runtime, asked, self.batch_size)
        toxic = dict(zip(asked, found, strict=True))
        return [self._result(row, max(map(toxic.__getitem__, row.texts))) for row in rows]

    def _result(self, row: TextRow, probability: float) -> Result:
        if round(probability, 6) < self.threshold:
            return None
        if self.action == "drop":
            return Dropped(TOXIC, f"probability {probability:.3f}, from {self.threshold:g} on")
        return Kept(source=f"{row.source}:{TOXIC}", found={TOXIC: 1})


def _model(folder: Path) -> Model:
    found = Artifact.open(folder)
    assert isinstance(found, Model)
    return found


def _labels(folder: Path, classes: tuple[str, ...]) -> NamedLabels:
    return NamedLabels.of(_model(folder), classes, option="with.operators.toxicity.classes", meaning=TOXIC)


@lru_cache(maxsize=1)
def _runtime(folder: Path) -> Runtime:
    return open_runtime(_model(folder), threads=1)
