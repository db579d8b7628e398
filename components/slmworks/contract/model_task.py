"""A model task: what a model is for, and all that slmworks must know of it.

`text-classification`, `feature-extraction`, …: one class and one folder each, found by entry point
(`slmworks.model_task`). Evaluation, gate, reviewer's page, release, server, edge bundle and curation read
these attributes and name no model task. The numbers of quality are *functions of sums over rows*, so that
intervals, pairing, slices and the rows needed are written once, in `slmworks.numbers.statistics`.
"""

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from slmworks.contract import scope
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.linear_model import LINEAR
from slmworks.contract.truncation import NONE, Truncation
from slmworks.numbers import figures

if TYPE_CHECKING:
    import numpy as np

    from slmworks.contract.generation import GenerativeDialect
    from slmworks.numbers.statistics import Estimate

    Array = np.ndarray[Any, Any]

Row = Mapping[str, Any]
"""One row of a split, by column: `id`, `source`, and the model task's inputs and targets."""
Answer = Mapping[str, Any]
"""A model's answer to one row, as JSON: what the server replies, and a column of `predictions.parquet`."""
Answering = Callable[[Sequence[Row]], list[Answer]]
"""Answers rows, in their order; any number of them."""


@dataclass(frozen=True)
class Measure:
    """One number of quality as a function of sums over rows: so it has an interval and can be paired."""

    name: str
    """`accuracy`, `ndcg_10`, `perplexity`: the key in reports."""
    title: str
    """The heading that people read: `accuracy`, `nDCG@10`."""
    counts: Callable[[Row, Answer], tuple[float, ...]]
    """What one row adds: (1, 1) · (tp, fp, fn) · (score, 1) · (nll, tokens)."""
    value: Callable[["Array"], "Array"]
    """From sums [..., counts] to numbers [...]."""
    worst: tuple[float, ...]
    """Counts of one unlucky further row for us, as heavy as a whole row: (160, 20) for 20 tokens, not (8, 1).
    Only then does a gate err as rarely as it states …"""
    best: tuple[float, ...]
    """… and for what we are compared with (see `statistics.Paired`)."""
    higher_is_better: bool = True
    written: Callable[[float], str] = figures.score
    """How the number is written for people."""
    needs: str = ""
    """Key that answers must have, or the measure is absent: `likelihood`, which no trivial baseline gives."""
    same: tuple[int, ...] = ()
    """Places in the counts that must be equal for two models, row by row, or they aren't compared: the tokens
    of a perplexity, which depend on the tokenizer."""

    def given(self, answers: Sequence[Answer]) -> bool:
        """True if the answers have what it needs."""
        return not self.needs or all(answer.get(self.needs) is not None for answer in answers)

    def comparable(self, ours: "Array", theirs: "Array") -> bool:
        """True if two models' counts [rows, counts] may be compared."""
        import numpy as np

        places = list(self.same)
        return np.array_equal(ours[:, places], theirs[:, places])

    def over(self, rows: Sequence[Row], answers: Sequence[Answer]) -> float:
        """Its value over rows and their answers."""
        import numpy as np

        counts = [self.counts(row, answer) for row, answer in zip(rows, answers, strict=True)]
        return float(self.value(np.sum(counts, axis=0)))

    @property
    def is_share(self) -> bool:
        """True if its values go from 0 to 1: then differences are written in percentage points."""
        import numpy as np

        ends = self.value(np.array([self.worst, self.best], float))
        return {float(end) for end in ends} == {0.0, 1.0}

    def moved(self, better: float) -> float:
        """The change of the value, from how much better it is: the opposite where lower is better."""
        return better if self.higher_is_better else -better

    def gap(self, size: float) -> str:
        """The size of a difference of two values: 1.3 points, 0.41."""
        return figures.points(size) if self.is_share else self.written(abs(size))

    def change(self, moved: float) -> str:
        """A change of the value with its sign: +1.3 points, −0.41."""
        return figures.change(moved) if self.is_share else figures.signed(moved, self.written)

    def change_range(self, moved: Mapping[str, float]) -> str:
        """A change of the value with its interval: −0.4 (−1.2 to +0.5) points."""
        if self.is_share:
            return figures.change_range(moved)
        value, low, high = (figures.signed(moved[key], self.written) for key in ("value", "low", "high"))
        return f"{value} ({low} to {high})"


def share(name: str, title: str, counts: Callable[[Row, Answer], tuple[float, ...]]) -> Measure:
    """A measure whose rows each add (score, 1) with a score from 0 to 1; its value is the mean score."""
    return Measure(name, title, counts, value=mean, worst=(0.0, 1.0), best=(1.0, 1.0))


def mean(sums: "Array") -> "Array":
    """Sums [..., (score, rows)] to mean scores [...]; 0 where there is no row."""
    import numpy as np

    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-12))


@dataclass(frozen=True)
class Details:
    """What a model task reports of a split beside its measures."""

    measures: Mapping[str, "Estimate"] = field(default_factory=dict)
    """Further numbers with intervals that are no sums over rows: `macro_f1`."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Numbers that a gate can set an upper limit to: `ece`."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """Anything else, as JSON, for the reviewer's page. `confusion: {labels, matrix}` is drawn by Kubeflow."""


@dataclass(frozen=True)
class Trivial:
    """A baseline without a language model: how it answers, and the bytes it would take on disk."""

    answer: Answering
    bytes: int


@dataclass(frozen=True)
class LeftOut:
    """In place of a trivial baseline: why it cannot be fitted to these data. It stops no evaluation."""

    reason: str


@dataclass(frozen=True)
class Dialect:
    """Another route by which the server takes the same rows, in the form of an API that people know."""

    route: str
    """Path without the leading slash: `v1/embeddings`."""
    summary: str
    request: type[BaseModel]
    """The body."""
    rows: Callable[[Any], list[Row]]
    """From a validated body to rows."""
    reply: Callable[[Any, Sequence[Answer], str], dict[str, Any]]
    """From the body, the answers and the model's name to the reply's JSON."""


class ModelTask(ABC):
    """What a model is for. Nothing outside its own folder names one.

    A subclass sets the class attributes and overrides what differs; instances hold nothing.
    """

    name: ClassVar[str]
    """As Hugging Face calls it: `text-classification`."""
    header: ClassVar[str] = ""
    """`meta["task"]` of its artifacts, if not the name. Part of their digests, so it never changes."""
    inputs: ClassVar[tuple[str, ...]]
    """Columns that a model sees: ("text",) · ("question", "context")."""
    targets: ClassVar[tuple[str, ...]]
    """Columns that hold the truth: ("label",) · ("answers",). They may be null in the split `transfer`."""
    reads_targets: ClassVar[bool] = False
    """A model reads targets as it reads inputs, each alone: documents that are searched."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Further columns that rows are judged by where the data have them: ("schema",)."""
    asked_with: ClassVar[tuple[str, ...]] = ()
    """Of `optional`, those that a model may see: they say what is asked, not what is true."""
    rivals: ClassVar[Mapping[str, str]] = {}
    """Of `optional`, those that hold a worse answer -> the target that it stands beside. Where every row has
    one its likelihood is measured like the truth's, and is in answers under the column's name."""
    shared_meta: ClassVar[tuple[str, ...]] = ()
    """Keys of `meta` that model, data and teacher must agree on: ("labels",)."""
    classes: ClassVar[bool] = False
    """The target is one of a few classes: data hold two at least, every split has rows of each, and a text is
    of one class only. False: any target may be right for a text."""
    carried_meta: ClassVar[tuple[str, ...]] = ("max_length", "parameters")
    """Keys of `meta` that hold for a model in any format."""
    pretrained: ClassVar[bool] = False
    """A pretrained model without a task of its own can do it: nothing has to be fine-tuned first."""
    measures: ClassVar[tuple[Measure, ...]]
    """The first one decides, or that which `evaluate/quality` is told; the others are shown, and can be
    limited by a gate."""
    linear: ClassVar[str] = LINEAR
    """Which of its trivial baselines is the linear model, if it fits one."""
    noun: ClassVar[str] = "answer"
    """An answer, in messages: `label`, `embedding`."""
    titles: ClassVar[Mapping[str, str]] = {}
    """Headings of the further measures and limits that `details` gives: {"macro_f1": "macro-F1"}."""

    @property
    def in_headers(self) -> str:
        """What `meta["task"]` of its artifacts says."""
        return self.header or self.name

    def measure(self, name: str) -> Measure | None:
        """One of `measures` by name; None for a number that only `details` gives."""
        return next((one for one in self.measures if one.name == name), None)

    def title(self, name: str) -> str:
        """The heading of a measure or a limit: `macro-F1`."""
        measure = self.measure(name)
        return measure.title if measure else self.titles.get(name, scope.TITLES.get(name, name))

    def written(self, name: str) -> Callable[[float], str]:
        """The way a measure is written for people; a number of `details`: as a share."""
        measure = self.measure(name)
        return measure.written if measure else figures.score

    # --- data ----------------------------------------------------------------------------------------

    def check(self, data: Dataset, split: str, rows: Sequence[Row]) -> None:  # noqa: B027 - may stay as it is
        """BadRequest for rows that nobody can judge."""

    def stratum(self, row: Row) -> tuple[str, ...]:
        """What splits are balanced by, beside the source: ("billing",); () for nothing."""
        return ()

    def slices(self, row: Row) -> Mapping[str, str]:
        """Kind -> value of the parts of the data that a row belongs to; a single value is no slice."""
        return {"source": str(row["source"] or "")}

    # --- quality -------------------------------------------------------------------------------------

    def judged(
        self, answer: Answering, splits: Mapping[str, Sequence[Row]], data: Dataset
    ) -> dict[str, list[Answer]]:
        """The judged answers by split: the model's own, or what follows from many of them (a ranking)."""
        return {split: answer(rows) for split, rows in splits.items()}

    def trivial(self, data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
        """Name -> baseline, fitted to `train`: what a language model must beat to be worth its cost."""
        return {}

    def details(
        self, rows: Sequence[Row], answers: Sequence[Answer], model: Model, *, resamples: int, seed: int
    ) -> Details:
        """What is reported of a split beside the measures."""
        return Details()

    def truncation(self, rows: Sequence[Row], model: Model) -> Truncation:
        """How much of the rows' texts the model doesn't read, where that can be said."""
        return NONE

    def agreement(self, wanted: Answer, found: Answer) -> float:
        """How far two answers to a row agree, 0 to 1: a quantized model's with the original's."""
        return float(wanted == found)

    def confidence(self, answer: Answer) -> float | None:
        """How sure an answer is of itself, 0 to 1; None where it doesn't say."""
        return None

    def brief(self, answer: Answer) -> str:
        """An answer in a few words, for a table or a terminal."""
        return str(dict(answer))[:80]

    def text(self, row: Row) -> str:
        """A row's inputs in one line."""
        return " · ".join(str(row[name]) for name in self.inputs)

    def truth(self, row: Row) -> str:
        """A row's truth in a few words."""
        return ", ".join(str(row[target]) for target in self.targets)

    def stored(self, answer: Answer) -> Answer:
        """The answer as `predictions.parquet` keeps it: numbers to 4 decimals."""
        return {key: _rounded(value) for key, value in answer.items()}

    def sections(self, candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Sequence[str]:
        """Parts of the reviewer's page that only this model task has, as HTML.

        Both are what a report says of the split `test`: `measures`, `limits`, `details`.
        """
        return ()

    def headline(self, limits: Mapping[str, float]) -> str:
        """A sentence about the limits, for the packet in Markdown; empty for none."""
        return ""

    # --- shipping ------------------------------------------------------------------------------------

    def companions(self, model: Model) -> Mapping[str, str]:
        """File name -> text of what a `model.onnx` needs beside it, `tokenizer.json` apart."""
        return {}

    def input_sample(self) -> Row:
        """The example as a row of inputs only."""
        return {name: self.example[name] for name in self.inputs}

    route: ClassVar[str]
    """`classify`: the server answers `POST /classify`."""
    verb: ClassVar[str] = "Ask"
    """What the route does, on its page: `Classify`."""
    response: ClassVar[type[BaseModel]]
    """One answer, with a description of every field: REST, OpenAPI and MLflow's signature come from it."""
    example: ClassVar[Row]
    """One harmless row of inputs; nobody's data is shipped inside a release."""
    short: ClassVar[Row | None] = None
    """The row that a mere text stands for on a command line, TEXT in its place; None where none does."""
    dialects: ClassVar[tuple[Dialect, ...]] = ()
    """Other routes for the same rows."""
    generative_dialects: ClassVar[tuple["GenerativeDialect", ...]] = ()
    """Routes of a server whose runtime generates piece by piece."""

    def counted(self, answer: Answer) -> str:
        """The label under which the server's metrics count an answer; a few values at most."""
        return ""


def input_types(model_task: ModelTask) -> dict[str, Any]:
    """Input column -> its type, from the example: `str`, `list[str]`, `list[dict[str, str]]`."""
    return {name: type_of(value) for name, value in model_task.input_sample().items()}


def only_text(model_task: ModelTask) -> str:
    """Name of the model task's input where that is one text; empty for several inputs or another type."""
    types = input_types(model_task)
    return next(iter(types)) if list(types.values()) == [str] else ""


def type_of(value: Any) -> Any:
    """The type of a JSON value, after the first of its items: `list[str]` for ["a", "b"], of Any for none."""
    if isinstance(value, Mapping):
        return GenericAlias(dict, (str, next(map(type_of, value.values()), Any)))
    if isinstance(value, (list, tuple)):
        return GenericAlias(list, (next(map(type_of, value), Any),))
    return type(value)


def require_same_meta(model_task: ModelTask, model: Model, data: Dataset) -> None:
    """BadRequest where a model and data don't agree on what the model task says they share."""
    for key in model_task.shared_meta:
        ours, theirs = model.meta.get(key), data.meta.get(key)
        if _as_set(ours) != _as_set(theirs):
            raise BadRequest(
                f"the model's {key} are {_listed(ours)}, the data's are {_listed(theirs)}; evaluate it on "
                f"data with its own {key}."
            )


def _as_set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value
