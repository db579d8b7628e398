"""Write a torch classifier as ONNX and prove that both answer alike."""

import json
import shutil
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, PositiveFloat

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.stage import Task
from slmworks.export import Export
from slmworks_onnx.graph import OPSET


class ExportOnnx(Export):
    """Write a classifier for ONNX Runtime, any batch and any length, checked against torch."""

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "onnx"
    tasks: ClassVar = ("classification",)
    max_threads: ClassVar = 1
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "onnx", "onnxscript")

    opset: Annotated[int, Field(ge=18, le=23)] = OPSET
    """ONNX operator set; 23 has Attention as one operator, older ones run on older runtimes."""
    tolerance: PositiveFloat = 1e-4
    """Largest difference of any logit from torch that is accepted."""

    def run(self, *, model: Model, task: Task) -> Model:
        """Export, compare at several batch and length shapes, and say by how much they differ."""
        from slmworks_onnx.parity import largest_difference

        require_classifier(model)
        task.progress(0, 2, unit="parts", note="export")
        export_classifier(model, task.output, opset=self.opset)
        task.progress(1, 2, unit="parts", note="compare with torch")
        difference = largest_difference(model, task.output, threads=task.threads, seed=task.seed)
        # Written so that a NaN fails too.
        if not difference <= self.tolerance:
            raise TaskFailed(
                f"export: the ONNX file's logits differ from torch's by {difference:.2g}, which is more than "
                f"the tolerance {self.tolerance:.2g}; try another opset, or raise `tolerance`."
            )
        task.progress(2, 2, unit="parts")
        size = (task.output / "model.onnx").stat().st_size
        return Model(
            path=task.output,
            format="onnx",
            meta=classifier_meta(model),
            summary={"bytes": size, "difference": difference},
        )


def require_classifier(model: Model) -> None:
    """Refuse, as a bad request, a model that is not a fine-tuned classifier."""
    if model.task != "classification" or not model.labels:
        raise BadRequest(
            f"the model is for '{model.task or 'no task'}' and only classifiers can be written as ONNX; "
            "put a finetune or distill step before this one."
        )


def classifier_meta(model: Model) -> dict[str, object]:
    """Give the facts about a classifier that hold in any format."""
    names = ("task", "labels", "max_length", "parameters")
    return {name: model.meta[name] for name in names if name in model.meta}


def export_classifier(model: Model, folder: Path, *, opset: int = OPSET) -> None:
    """Write `model.onnx`, `tokenizer.json` and `labels.json` of a Hugging Face classifier into `folder`."""
    from slmworks.model_tasks.text_classification.hf import load_torch
    from slmworks_onnx.graph import logits_only, to_onnx

    to_onnx(
        logits_only(load_torch(model.path)),
        folder / "model.onnx",
        max_length=int(model.meta["max_length"]),
        opset=opset,
    )
    write_companions(model, folder)


def as_onnx(model: Model, scratch: Path) -> Path:
    """Give the model as an ONNX file with its companions beside it, exported into `scratch` if need be."""
    if model.format == "onnx":
        return model.path / "model.onnx"
    folder = scratch / "export"
    folder.mkdir()
    export_classifier(model, folder)
    return folder / "model.onnx"


def write_companions(model: Model, folder: Path) -> None:
    """Write what a `model.onnx` needs beside it: `tokenizer.json` as it is, and `labels.json`."""
    shutil.copyfile(model.path / "tokenizer.json", folder / "tokenizer.json")
    about = {"labels": model.labels, "max_length": int(model.meta["max_length"])}
    text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    (folder / "labels.json").write_text(text, encoding="utf-8")
