"""What every pruner does before and after: load, measure on data, report what was removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks_torch.compression import compressible
from slmworks_torch.compression.compressible import Compressible, Remembered

MODEL_TASKS = ("text-classification", "feature-extraction", "text-generation")
"""Whose heads are kept; a bare encoder, which has none, is taken too."""


class CalibrationOptions(Documented):
    """How many rows are looked at."""

    rows: PositiveInt = 128
    """Rows of `train` that importance is measured on, and rows of `validation` on which the result is
    compared with the whole model; drawn by the task's seed."""


@dataclass(frozen=True)
class Reference:
    """What a whole model was, kept while its network is cut in place."""

    parameters: int
    device: Any
    answers: Sequence[Remembered]
    """To rows of `validation`, where there are such rows."""


def loaded(model: Model, task: Task) -> Compressible:
    """The model on the device that computes; BadRequest as `compressible.load`, and for one with a scope."""
    from slmworks_torch import devices, training
    from slmworks_torch.compression import memory

    require_no_scope(model)
    training.prepare(task)
    whole = compressible.load(model)
    memory.own(whole.net)
    whole.net.to(devices.device())
    return whole


def reference(whole: Compressible, data: Dataset | None, rows: int, task: Task) -> Reference:
    """What `compared` needs of a model that is cut afterwards."""
    known = data is not None and _held_out(data)
    batches = whole.calibration(data, "validation", rows, task) if data is not None and known else []
    return Reference(whole.parameters, whole.net.device, whole.remembered(batches))


def compared(whole: Reference, smaller: Compressible) -> dict[str, Any]:
    """Weights before and after, and the `distance` on `validation`, where there are such rows.

    Kullback-Leibler divergence in nats, or 1 - cosine, as the model answers (`Compressible.distances`).
    """
    found: dict[str, Any] = {
        "parameters": smaller.parameters,
        "parameters_before": whole.parameters,
        "removed_share": round(1 - smaller.parameters / whole.parameters, 4),
    }
    if not whole.answers:
        return found
    smaller.net.to(whole.device)
    return {**found, "distance": round(smaller.apart(whole.answers), 6)}


def _held_out(data: Dataset) -> int:
    import pyarrow.parquet as pq

    if "validation" not in data.splits:
        return 0
    return int(pq.ParquetFile(data.file("validation")).metadata.num_rows)
