"""Runtimes: load a model's folder and answer rows, the same way for evaluation, serving and releases.

A runtime is a pair (model task, format), found by entry point (`slmworks.runtime`, `<model task>.<format>`):
it belongs to the distribution that brings its library. What is measured is what ships: nobody else opens a
model's files. A runtime is deliberately no place for business rules; a threshold that is among the model's
own files (`slmworks.contract.scope`) it applies.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.drafts import drafting
from slmworks.contract.errors import BadRequest, with_article
from slmworks.contract.generation import Generated, Piece, Prepared, Settings, Slots
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.model_task import Answer, ModelTask, Row

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "TRUNCATED",
    "Likelihood",
    "Network",
    "Outputs",
    "Runtime",
    "Scoring",
    "Streaming",
    "SureAnswers",
    "Timed",
    "Timing",
    "Truncating",
    "Writing",
    "answer_all",
    "answered",
    "length_batches",
    "model_task_of",
    "open_runtime",
    "outputs_all",
    "packages_of",
]

T = TypeVar("T")

TRUNCATED = "truncated"
"""Key of an answer: whether the model read only the beginning of its text."""


class Runtime(Protocol):
    """A loaded model."""

    packages: ClassVar[tuple[str, ...]]
    """Distributions that it needs; a release pins them. Where a model's folder decides, a class method
    `packages_of(folder)` gives those of the model."""
    stands_alone: ClassVar[bool]
    """Its module needs nothing of slmworks but modules of `slmworks.model_tasks` that need nothing either,
    and `cls(folder)` loads a model: releases and edge bundles carry a copy of the source. Of a derived
    class they carry the one that says so."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> Self:
        """Load the model to compute with `threads` threads; its folder may be gone once it has answered."""

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer rows (of the model task's inputs) as one batch, as the caller composed it."""


@runtime_checkable
class Outputs(Runtime, Protocol):
    """A runtime that gives what its network computes before it is an answer, to distil from or compare."""

    def outputs(self, rows: Sequence[Row]) -> "np.ndarray[Any, Any]":
        """The network's output for one batch (logits, an embedding), float32 [rows, width]."""


@runtime_checkable
class SureAnswers(Runtime, Protocol):
    """A runtime that says how sure its answers are, by scores that have names."""

    def sure_answers(self, rows: Sequence[Row]) -> list[tuple[Answer, Mapping[str, float]]]:
        """What `answer` gives, and of each answer score -> number; more is surer."""


@runtime_checkable
class Truncating(Runtime, Protocol):
    """A runtime that knows of which rows it read only the beginning."""

    def answer_truncated(self, rows: Sequence[Row]) -> tuple[list[Answer], list[bool]]:
        """What `answer` gives, and for each row whether it was longer than the model reads."""


class Likelihood(NamedTuple):
    """How likely a model finds the truth of a row."""

    nll: float
    """Negative log-likelihood of the truth given the inputs, in nats."""
    tokens: int
    """Tokens that it is the sum over."""


@runtime_checkable
class Scoring(Runtime, Protocol):
    """A runtime that says how likely its model finds the truth, as the answering library computes it."""

    def scored(self, rows: Sequence[Row]) -> list[Likelihood]:
        """The likelihood of each row's truth; rows have the model task's inputs and targets."""


class Timing(NamedTuple):
    """What an answer took that is written token by token, from the moment at which it was asked for."""

    prompt_tokens: int
    """Tokens that were read."""
    first_s: float
    """Seconds until the first token."""
    tokens: int
    """Tokens that were written, with the one that ends the answer."""
    seconds: float
    """Seconds until the last token; of a model that knows its scope, until the answer is judged, too."""


@runtime_checkable
class Timed(Runtime, Protocol):
    """A runtime that writes its answers token by token, and says when."""

    def timed(self, rows: Sequence[Row]) -> list[Timing]:
        """Answer rows that are asked for at the same moment, as `answer` does, and say what each took."""


@runtime_checkable
class Streaming(Runtime, Protocol):
    """A runtime that generates answers piece by piece, several side by side; any thread may ask."""

    slots: int
    """Answers at a time."""
    context: int
    """Tokens that one of them may have, its prompt included."""
    most: int
    """Tokens of an answer where nothing else is asked for."""

    @classmethod
    def open_slots(cls, model: Model, slots: Slots) -> Self:
        """Load the model for answers side by side; BadRequest for more context than it reads."""

    def prepare(self, row: Row, settings: Settings) -> Prepared:
        """Read a row; BadRequest for one that it cannot answer, or that leaves no room for an answer."""

    def stream(self, prepared: Prepared, take: Callable[[Piece], bool]) -> Generated | None:
        """Generate, and hand over each piece as it is made, in this thread.

        `take` gives True once nobody wants more: then the place is free at once, and this gives None.
        BadRequest, before the first piece, for settings that it cannot follow.
        """


@runtime_checkable
class Writing(Runtime, Protocol):
    """A runtime that answers rows with settings of their own, and hands over each answer once it is whole."""

    def write(
        self, asked: Sequence[tuple[Row, Settings]], take: Callable[[int, Generated | BadRequest], None]
    ) -> None:
        """Answer all rows, in whatever order and company is fastest; what is drawn depends on its seed alone.

        `take(place, …)` gets the answer to the row at that place, or why it cannot be answered (its prompt is
        too long); it is called in this thread, and what it raises ends the work.
        """

    def price(self, generated: Generated) -> float:
        """What an answer costs, in the currency of a hosted model's prices; 0 for a model of one's own."""


@runtime_checkable
class Network(Runtime, Protocol):
    """A runtime around a torch network, for those who transform it or write it as a graph."""

    module: Any
    """The network that holds the weights."""
    tokenizer: Any
    """Cuts and pads as the model was trained."""
    max_length: int
    """Tokens after which a text is cut, special tokens included."""
    output: ClassVar[str]
    """Name of the graph's output: `logits`, `embedding`."""

    def graph(self) -> Any:
        """A module `(input_ids, attention_mask) -> output [batch, …, width]`; `module` is its `model`."""


def packages_of(runtime: type[Runtime], model: Model) -> tuple[str, ...]:
    """Distributions that a model needs to be run: those of its runtime, which may say more of its folder."""
    of_folder: Callable[[Path], tuple[str, ...]] | None = getattr(runtime, "packages_of", None)
    return of_folder(model.path) if of_folder else tuple(runtime.packages)


def open_runtime(model: Model, *, threads: int, model_task: str = "", slots: Slots | None = None) -> Runtime:
    """Load a model to compute with `threads` threads; `model_task`: what a bare pretrained one is used for.

    `slots`: how it is opened where it generates piece by piece.
    Raises BadRequest for a model that cannot do it, an unknown format or a missing library.
    """
    named = model.model_task or model_task
    if not named:
        raise BadRequest(
            "a model without a task cannot answer; fine-tune it first (a step with stage: finetune)."
        )
    task = catalog.model_task(named)
    if not model.model_task and not task.pretrained:
        raise BadRequest(
            f"a pretrained model without a task cannot do {task.name}; fine-tune it first (stage: finetune)."
        )
    found = offered_runtime(model, task)
    try:
        kind: type[Runtime] = found.load()
        if slots and slots.draft:
            drafting(kind, model).require_draft(model, slots.draft)
        if slots and (open_slots := getattr(kind, "open_slots", None)):
            streaming: Streaming = open_slots(model, slots)
            return streaming
        return kind.open(model, threads=threads)
    except ModuleNotFoundError as error:
        raise BadRequest(
            f"running {with_article(task.name)} model of format '{model.format}' needs {error.name}: "
            f"pip install '{found.distribution}[run]'"
        ) from error


def offered_runtime(model: Model, task: ModelTask) -> catalog.Offered:
    """The runtime for a model that is used for `task`, not loaded yet; BadRequest where there is none."""
    known = catalog.runtimes(task.name)
    if model.format in known:
        return known[model.format]
    way = "export the model first"
    if model.format == HOSTED:
        way = f"a hosted model can only be asked for {', '.join(catalog.model_tasks_of(HOSTED))}"
    raise BadRequest(
        f"no runtime loads {task.name} models of format '{model.format}' "
        f"(known: {', '.join(known) or 'none'}); {way}."
    )


def model_task_of(model: Model) -> ModelTask:
    """What a model is for; of a bare pretrained one, the only model task that reads its format.

    BadRequest for a bare model that could be for several, or whose model task takes tuned ones only.
    """
    able = [model.model_task] if model.model_task else catalog.model_tasks_of(model.format)
    task = catalog.model_task(able[0]) if len(able) == 1 else None
    if task is None or not (model.model_task or task.pretrained):
        raise BadRequest(
            "a model without a task cannot be released; fine-tune it first (a step with stage: finetune), or "
            "export it to a format that only one model task reads, as gguf is."
        )
    return task


def inputs_of(task: ModelTask, rows: Sequence[Row]) -> list[Row]:
    """The rows with the model task's inputs only, and what they are asked with: never the truth."""
    further = [name for name in task.asked_with if rows and name in rows[0]]
    return [{name: row[name] for name in (*task.inputs, *further)} for row in rows]


def length_batches(
    lengths: Sequence[int], batch_size: int, *, longest_first: bool = False
) -> Iterator[list[int]]:
    """Numbers of rows in batches of similar length, so that little is padding; `lengths` [rows]."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=longest_first)
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def length(row: Row) -> int:
    """Characters of all the text in a row, in lists and mappings too."""
    return sum(map(_characters, row.values()))


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return length(value)
    return sum(map(_characters, value)) if isinstance(value, (list, tuple)) else 0


def answered(runtime: Runtime, rows: Sequence[Row]) -> list[Answer]:
    """Answers of one batch, each of which says whether its text was cut where the runtime knows."""
    if not isinstance(runtime, Truncating):
        return runtime.answer(rows)
    answers, cut = runtime.answer_truncated(rows)
    return [{**answer, TRUNCATED: one} for answer, one in zip(answers, cut, strict=True)]


def answer_all(runtime: Runtime, rows: Sequence[Row], batch_size: int = 32) -> list[Answer]:
    """Answer any number of rows, those of similar length together; in the order of `rows`."""
    return in_batches(runtime.answer, rows, batch_size)


def outputs_all(runtime: Outputs, rows: Sequence[Row], batch_size: int = 32) -> "np.ndarray[Any, Any]":
    """The network's outputs for any number of rows, float32 [rows, width], in the order of `rows`."""
    import numpy as np

    if not rows:
        return runtime.outputs([])
    return np.stack(in_batches(lambda batch: list(runtime.outputs(batch)), rows, batch_size))


def in_batches(
    work: Callable[[Sequence[Row]], Sequence[T]],
    rows: Sequence[Row],
    batch_size: int,
    *,
    longest_first: bool = False,
    tell: Callable[[int], None] = lambda _done: None,
) -> list[T]:
    """Call `work` on batches of rows of similar length; `tell(done)` after each. In the order of `rows`."""
    found: dict[int, T] = {}
    for numbers in length_batches(list(map(length, rows)), batch_size, longest_first=longest_first):
        found.update(zip(numbers, work([rows[number] for number in numbers]), strict=True))
        tell(len(found))
    return [found[number] for number in range(len(rows))]
