"""The columns that curation writes for a model task, and the strata that its rows fall into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask
from slmworks_text.rows import Row


class Stratum(NamedTuple):
    """Rows of one class and source that the model task puts into one stratum."""

    label: str
    """The class; empty for unlabelled rows, and for a model task without classes."""
    source: str
    keys: tuple[str, ...]
    """The model task's stratum, from coarse to fine."""

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Groups of rows that splits are balanced by: each key within those before it, then the source."""
        path = (*self.keys, self.source)
        return tuple(path[:end] for end in range(1, len(path) + 1))


class Strata(Protocol):
    """What rows on disk ask of their columns."""

    @property
    def target(self) -> str:
        """Name of the target."""

    def stratum(self, row: Row, id_: str) -> Stratum:
        """The stratum of a row with its final text."""


@dataclass(frozen=True)
class Schema:
    """The columns of a model task with one text and one target: `id`, input, target, `source`."""

    model_task: ModelTask
    input: str
    """Column of the text."""
    target: str
    """Column of the target."""
    classes: bool
    """True where the target is a class; otherwise it is a text, and cleaned like the input."""
    known: dict[tuple[str, str], Stratum] = field(default_factory=dict, compare=False, repr=False)
    """Class and source -> the stratum of all such rows, where the model task looked at nothing else."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Attributes of a `Row` that are cleaned."""
        return ("text",) if self.classes else ("text", "target")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of every split, in order."""
        return ("id", self.input, self.target, "source")

    def meta(self, labels: Sequence[str] | None) -> dict[str, Any]:
        """The header's `meta` of a Dataset with these labels; None where the target is no class."""
        meta: dict[str, Any] = {"task": self.model_task.in_headers}
        if labels is not None and "labels" in self.model_task.shared_meta:
            meta["labels"] = list(labels)
        return meta

    def stratum(self, row: Row, id_: str) -> Stratum:
        """The stratum of a row with its final text."""
        if not row.target:
            return Stratum("", row.source, ())
        about = (row.target if self.classes else "", row.source)
        if found := self.known.get(about):
            return found
        columns = {"id": id_, self.input: row.text, self.target: row.target, "source": row.source}
        asked = _Asked(columns)
        found = Stratum(about[0], row.source, self.model_task.stratum(asked))
        if asked.names <= ({self.target, "source"} if self.classes else {"source"}):
            self.known[about] = found
        return found


class _Asked(Mapping[str, Any]):
    """A row that keeps in mind which of its columns somebody looked at."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = columns
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def schema_of(name: str) -> Schema:
    """The columns of a model task; BadRequest for an unknown one and for one of several inputs or targets."""
    found = catalog.model_task(name)
    if (len(found.inputs), len(found.targets)) != (1, 1) or not _is_text(found):
        raise BadRequest(
            f"{found.name} has {_listed('input', found.inputs)} and {_listed('target', found.targets)}, but "
            "this plugin writes rows of one text and one target; curate it with another plugin."
        )
    return Schema(found, found.inputs[0], found.targets[0], found.classes)


def _is_text(model_task: ModelTask) -> bool:
    return isinstance(model_task.example[model_task.inputs[0]], str)


def _listed(noun: str, columns: Sequence[str]) -> str:
    if not columns:
        return f"no {noun}"
    return f"the {noun}{'s' if len(columns) > 1 else ''} {', '.join(columns)}"
