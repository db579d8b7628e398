"""An approved model in this process: `slmworks.load("reviews@champion")(texts)`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from slmworks.contract.artifact import Artifact
from slmworks.contract.errors import BadRequest, with_article
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.model_task import Answer, ModelTask, Row, only_text
from slmworks.contract.runtime import Runtime, answered, length, length_batches
from slmworks.machine.cores import usable_cores
from slmworks.machine.process import adopt_environment
from slmworks.registry.loaded import open_release
from slmworks.registry.log import Registry
from slmworks.registry.release import Approved, approved_release
from slmworks.registry.version_names import VersionName

if TYPE_CHECKING:
    from slmworks.store import Store

BATCH = 32
"""Rows that are computed together."""

Given = str | Row
"""A text, for model tasks that are asked with one, or a mapping of the model task's inputs."""
Said = Answer | BadRequest
"""An answer, or why there is none."""


class Predictor:
    """An approved release in memory. Calls may come from any thread; batches are computed side by side."""

    def __init__(self, approved: Approved, *, threads: int | None = None) -> None:
        """Load it from a copy that was hashed; `threads`: all cores of this process when left out.

        BadRequest for a release that was changed since it was approved, or whose library is missing.
        """
        adopt_environment(1)  # a tokenizer would take every core for each batch
        self.threads = threads or usable_cores()
        if Artifact.open(approved.folder / "model").format == HOSTED:
            label = f"{approved.entry.name} v{approved.entry.version}"
            way = "let evaluate/quality ask it, which keeps them"
            raise BadRequest(f"{label} is a hosted model, whose answers cost money: {way}.")
        loaded = open_release(approved, generator_threads=self.threads)
        self.name, self.version = approved.entry.name, approved.entry.version
        self.digest = approved.entry.model_digest
        self.task: ModelTask = loaded.task
        """What it is for."""
        self._only_text = only_text(loaded.task)
        self.labels: list[str] = [str(one) for one in loaded.model.meta.get("labels", ())]
        """Of a classifier; empty for others."""
        self.runtime: Runtime = loaded.runtime
        self._side_by_side = not loaded.task.generative_dialects

    def __repr__(self) -> str:
        """`reviews v3, text-classification`."""
        return f"{self.name} v{self.version}, {self.task.name}"

    @overload
    def __call__(self, given: Given) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, given: Sequence[Given]) -> list[Answer]: ...

    def __call__(self, given: Given | Sequence[Given]) -> Answer | list[Answer]:
        """The answer to one text (or row of inputs), or the list of answers to several.

        An answer is a mapping: `label` and `score` of a classifier, `embedding`, `text` of a generator. Where
        the runtime knows, `truncated` says whether only the beginning of a text was read. BadRequest for a
        row that can't be answered.
        """
        if isinstance(given, (str, Mapping)):
            return self([given])[0]
        answers = self.said([self.row(one) for one in given])
        for number, answer in enumerate(answers):
            if isinstance(answer, BadRequest):
                raise BadRequest(f"row {number}: {answer}")
        return [answer for answer in answers if not isinstance(answer, BadRequest)]

    def row(self, given: Given) -> Row:
        """A text as the row that it stands for; BadRequest for what is no row of the model task's inputs."""
        if isinstance(given, str):
            return self._of_text(given)
        lacking = [name for name in self.task.inputs if given.get(name) is None]
        if lacking:
            raise BadRequest(f"{with_article(self.task.name)} model is asked with {', '.join(lacking)}.")
        wanted = {name: type(value) for name, value in self.task.input_sample().items()}
        for name, kind in wanted.items():
            if not isinstance(given[name], kind):
                raise BadRequest(f"its {name} is no {kind.__name__} but {type(given[name]).__name__}.")
        return {name: given[name] for name in (*self.task.inputs, *self.task.asked_with) if name in given}

    def _of_text(self, text: str) -> Row:
        if self._only_text:
            return {self._only_text: text}
        if self.task.short is None:
            inputs = ", ".join(self.task.inputs)
            raise BadRequest(
                f"{with_article(self.task.name)} model is asked a mapping with {inputs}, not a text."
            )
        filled: Row = _filled(self.task.short, text)
        return filled

    def said(self, rows: Sequence[Row]) -> list[Said]:
        """The answers to any number of rows, in their order; a row that can't be answered has its reason.

        Rows of similar length are computed together, `BATCH` at a time. A batch that fails is computed row by
        row, so that none loses its answer to a neighbour.
        """
        batches = list(length_batches(list(map(length, rows)), BATCH, longest_first=True))
        found: dict[int, Said] = {}
        with self._mapping() as mapped:
            answers = mapped(lambda batch: self._batch([rows[number] for number in batch]), batches)
            for batch, said in zip(batches, answers, strict=True):
                found.update(zip(batch, said, strict=True))
        return [found[number] for number in range(len(rows))]

    def _mapping(self) -> AbstractContextManager[Callable[..., Iterator[list[Said]]]]:
        if self._side_by_side and self.threads > 1:
            return _Pool(self.threads)
        return nullcontext(map)

    def _batch(self, rows: Sequence[Row]) -> list[Said]:
        try:
            return list(answered(self.runtime, rows))
        except BadRequest as error:
            return [error] if len(rows) == 1 else [self._batch([row])[0] for row in rows]


class _Pool(AbstractContextManager[Any]):
    """`map` over so many threads."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads)

    def __enter__(self) -> Any:
        return self._threads.map

    def __exit__(self, *raised: object) -> None:
        self._threads.shutdown(cancel_futures=True)


def load(name: str, *, store: "str | Path | Store" = ".slmworks", threads: int | None = None) -> Predictor:
    """An approved model of this machine's (or a bucket's) store, to be asked in this process.

    name: `reviews` or `reviews@champion` for the champion, `reviews@3` for an approved version.
    store: its folder or address.
    threads: all cores of this process when left out.

    BadRequest where nothing of that name is approved, or where its files were changed.
    """
    wanted, version = named(name)
    return Predictor(approved_release(_registry(store), wanted, version), threads=threads)


def named(words: str) -> tuple[str, int | None]:
    """`reviews@3` → ("reviews", 3); `reviews` and `reviews@champion` → ("reviews", None)."""
    found = VersionName.read(words)
    if not found or found.which not in ("", "champion"):
        raise BadRequest(f"'{words}': write NAME, NAME@champion or NAME@VERSION (reviews@3).")
    return found.name, found.number


def _registry(store: "str | Path | Store") -> Registry:
    from slmworks.store import open_store

    return Registry(open_store(str(store)) if isinstance(store, (str, Path)) else store)


def _filled(value: Any, text: str) -> Any:
    """A copy with the text in the place of TEXT."""
    if isinstance(value, Mapping):
        return {key: _filled(one, text) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(one, text) for one in value]
    return text if value == "TEXT" else value
