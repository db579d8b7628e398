"""A first run of a written ONNX folder, before anyone says that it is done."""

from collections.abc import Sequence
from pathlib import Path

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed, in_a_line
from slmworks.contract.model_task import ModelTask, Row, only_text
from slmworks.contract.runtime import Outputs, Runtime, open_runtime
from slmworks_onnx import onnx_folder


def require_answers(model: Model, folder: Path, *, threads: int) -> None:
    """TaskFailed unless the folder, an ONNX form of `model`, answers one row and three, as it is served.

    Nothing is compared: exporters and quantizers do that in their own ways.
    """
    purpose = onnx_folder.model_task_of(model)
    rows = _rows(purpose)
    try:
        runtime = open_runtime(onnx_folder.in_folder(model, folder), threads=threads)
        for some in (rows[:1], rows):
            _run(runtime, some)
    except BadRequest:
        raise
    except Exception as error:
        raise TaskFailed(
            f"the ONNX file does not answer one row and {len(rows)} at once "
            f"({in_a_line(error, 200)}); export the model with another `opset` and quantize that file, or "
            "take another family."
        ) from error


def _rows(purpose: ModelTask) -> list[Row]:
    """Three rows of different lengths where the input is a text."""
    sample, column = purpose.input_sample(), only_text(purpose)
    if not column:
        return [sample] * 3
    text = str(sample[column])
    return [sample, {column: text.split(maxsplit=1)[0]}, {column: ""}]


def _run(runtime: Runtime, rows: Sequence[Row]) -> None:
    import numpy as np

    if len(runtime.answer(rows)) != len(rows):
        raise ValueError(f"it gives other than {len(rows)} answers")
    if isinstance(runtime, Outputs) and not np.isfinite(runtime.outputs(rows)).all():
        raise ValueError("an output is no finite number")
