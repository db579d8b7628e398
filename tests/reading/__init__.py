"""A model task that nobody installed: where in a context the answer to a question is. Two inputs, a dialect."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path

import pytest

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.testing import sealed

OFFERED = (
    EntryPoint("reading-comprehension", "reading.task:ReadingComprehension", "slmworks.model_task"),
    EntryPoint("reading-comprehension.words", "reading.runtime:SpanFinder", "slmworks.runtime"),
    EntryPoint("reading-comprehension.hf", "reading.runtime:Dependent", "slmworks.runtime"),
)


class Installed:
    """What is installed, and the above."""

    def select(self, group: str) -> list[EntryPoint]:
        """The entry points of a group."""
        return [*entry_points(group=group), *EntryPoints(OFFERED).select(group=group)]


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The model task and its runtimes as if a distribution had brought them."""
    monkeypatch.setattr(catalog, "_installed", Installed)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for found in (catalog._offered, catalog.model_task):
        found.cache_clear()


def span_finder(folder: Path, word: str = "in") -> Model:
    """A model that answers with the word behind `word`."""
    folder.mkdir(parents=True)
    (folder / "behind.txt").write_text(word)
    return sealed(
        Model(path=folder, format="words", meta={"task": "reading-comprehension", "language": "en"})
    )
