"""Data sets in MLflow: entities that its own tools can resolve, and their cards as files of a run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slmworks.contract.errors import BadRequest
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.packet import data_card
from slmworks.packet.data_card.described import CARD
from slmworks.tracking.entries import numbers_of

if TYPE_CHECKING:
    from slmworks.store import Store

SOURCES = {"file": "local", "s3": "s3", "gs": "gs", "az": "abfss"}
"""Scheme of a store's address -> MLflow's name of such a source, which `mlflow.data.get_source` loads."""
SHORT = 32
"""Characters of a digest in MLflow, which holds 36."""
TYPES = {"string": "string", "bool": "boolean", "int32": "integer", "int64": "long", "float": "float"}
"""Arrow's types -> MLflow's."""


def address_of(store: "Store", digest: str) -> str:
    """Where a store keeps a data set."""
    return f"{store.url}/objects/{digest}"


def entity(store: "Store", made: TaskRecord, port: str) -> Any:
    """What a run was given at a port, or made: name, digest, address, columns and counts."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    assert made.manifest is not None
    digest = made.manifest.digest
    address = address_of(store, digest)
    found = Dataset(
        name=made.step,
        digest=digest[:SHORT],
        source_type=SOURCES.get(urlsplit(address).scheme, "slmworks"),
        source=json.dumps({"uri": address}),
        schema=_schema(store, digest),
        profile=json.dumps(dict(numbers_of(made.manifest))),
    )
    return DatasetInput(found, [InputTag("mlflow.data.context", port)])


def cards(store: "Store", folder: Path, run: RunRecord, task: TaskRecord) -> dict[str, str]:
    """File -> text, of a data set's card; nothing for one without, or of another form than pages read."""
    assert task.manifest is not None
    name, address = f"{run.recipe} · {task.step}", address_of(store, task.manifest.digest)
    digest, summary = task.manifest.digest, task.manifest.summary
    try:
        found = data_card.described(folder, name=name, digest=digest, address=address, summary=summary)
        return {
            "card.html": data_card.page(found),
            "card.md": data_card.markdown(found),
            "croissant.json": data_card.croissant(found, task.manifest.files),
        }
    except BadRequest:
        return {}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return {}  # a curate plugin from elsewhere may write any part in a form of its own


def _schema(store: "Store", digest: str) -> str | None:
    """The columns as MLflow's signature of a table; None where the card doesn't say."""
    try:
        columns = json.loads(store.read(f"objects/{digest}/{CARD}") or b"{}")["columns"]
        described = [{**_type(str(kind)), "name": name, "required": False} for name, kind in columns.items()]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return json.dumps({"mlflow_colspec": described})


def _type(kind: str) -> dict[str, Any]:
    if kind.startswith("list<"):
        return {"type": "array", "items": _type(kind.partition(": ")[2].removesuffix(">"))}
    if kind.startswith("struct<"):
        fields = (part.partition(": ") for part in kind.removeprefix("struct<").removesuffix(">").split(", "))
        return {
            "type": "object",
            "properties": {name: {**_type(inner), "required": False} for name, _, inner in fields},
        }
    return {"type": TYPES.get(kind, "string")}
