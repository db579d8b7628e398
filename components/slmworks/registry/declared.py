"""What the author of a recipe declares of a release: the words of its card, and an example to ask it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.model_task import ModelTask, Row, input_types, type_of

EXAMPLE = "input_example.json"
"""File of a release: the row that MLflow, the server's page and the edge bundle show."""


@dataclass(frozen=True)
class Declared:
    """Part of what is approved: other words, or another example, are another version."""

    card: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `ModelCard` that say something, as JSON values."""
    example: Row | None = None
    """A row of inputs that may be seen by everybody; None: the model task's harmless one."""


def require_row(task: ModelTask, row: Mapping[str, Any], option: str) -> None:
    """BadRequest for an example that is no row of the model task's inputs."""
    types = input_types(task)
    wanted = ", ".join(f"{name}: {_named(kind)}" for name, kind in types.items())
    for name in row:
        if name not in types:
            raise BadRequest(
                f"{option}: '{name}' is no input of {task.name} (which takes {{{wanted}}}). "
                f"{did_you_mean(name, types)}"
            )
    for name, kind in types.items():
        if name not in row or type_of(row[name]) != kind or row[name] in ("", [], {}):
            raise BadRequest(f"{option}: {task.name} takes {{{wanted}}}; give `{name}` such a value.")


def _named(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind)) if isinstance(kind, type) and not _args(kind) else str(kind)


def _args(kind: Any) -> bool:
    return bool(getattr(kind, "__args__", ()))


def example_in(release: Path, task: ModelTask) -> Row:
    """The example that a release holds; the model task's where it holds none that fits."""
    try:
        said = json.loads((release / EXAMPLE).read_text(encoding="utf-8"))
        row = dict(zip(said["columns"], said["data"][0], strict=True))
        return {name: row[name] for name in task.inputs}
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return task.input_sample()
