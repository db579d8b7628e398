"""What every pruner does before and after: load, measure on data, report what was removed."""

from typing import Any

from pydantic import PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.stage import Task
from slmworks_torch.compression import compressible
from slmworks_torch.compression.compressible import Compressible

MODEL_TASKS = ("text-classification", "feature-extraction", "text-generation")
"""Whose heads are kept; a bare encoder, which has none, is taken too."""


class CalibrationOptions(Documented):
    """How many rows are looked at."""

    rows: PositiveInt = 128
    """Rows of `train` that importance is measured on, and rows of `validation` on which the result is
    compared with the whole model; drawn by the task's seed."""


def loaded(model: Model, task: Task) -> Compressible:
    """The model on the device that computes; BadRequest as `compressible.load`."""
    from slmworks_torch import training

    training.prepare(task)
    whole = compressible.load(model)
    whole.net.to(training.device())
    return whole


def compared(
    whole: Compressible, smaller: Compressible, data: Dataset | None, rows: int, task: Task
) -> dict[str, Any]:
    """Weights before and after, and the `distance` on `validation`, where there are such rows.

    Kullback-Leibler divergence in nats, or 1 - cosine, as the model answers (`Compressible.distances`).
    """
    found: dict[str, Any] = {
        "parameters": smaller.parameters,
        "parameters_before": whole.parameters,
        "removed_share": round(1 - smaller.parameters / whole.parameters, 4),
    }
    if data is None or not _held_out(data):
        return found
    smaller.net.to(whole.net.device)
    batches = whole.calibration(data, "validation", rows, task)
    return {**found, "distance": round(smaller.distance(whole, batches), 6)}


def _held_out(data: Dataset) -> int:
    import pyarrow.parquet as pq

    if "validation" not in data.splits:
        return 0
    return int(pq.ParquetFile(data.file("validation")).metadata.num_rows)
