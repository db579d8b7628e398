"""ONNX folders of a model: its graph, its tokenizer, and what else its model task keeps beside them."""

import shutil
from dataclasses import replace
from pathlib import Path

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import ModelTask
from slmworks.contract.runtime import Network, Outputs, open_runtime
from slmworks.contract.scope import require_no_scope
from slmworks_onnx.graph import OPSET, to_onnx


def model_task_of(model: Model) -> ModelTask:
    """The model task that a model was trained for; BadRequest for none.

    And for a model that knows its scope: the threshold holds for the scores of its own file only.
    """
    if not model.model_task:
        raise BadRequest(
            "a model without a model task cannot be written as ONNX; put a finetune or distill step before "
            "this one, or say `model_task: feature-extraction` (export/onnx) of one that embeds as it is."
        )
    require_no_scope(model)
    return catalog.model_task(model.model_task)


def used_for(model: Model, name: str, *, threads: int) -> Model:
    """A pretrained model with the header that one of the model task `name` has; any other as it is.

    BadRequest where it is for something else, or must be trained for it first.
    """
    if not name:
        return model
    purpose = catalog.model_task(name)
    if model.model_task:
        if catalog.canonical(model.model_task) != purpose.name:
            raise BadRequest(f"export: the model is for {model.model_task}; leave `model_task` out.")
        return model
    opened = open_runtime(model, threads=threads, model_task=name)
    if not isinstance(opened, Network) or not isinstance(opened, Outputs):
        raise BadRequest(f"export: {purpose.name} models cannot be written as ONNX; leave `model_task` out.")
    known = {
        "max_length": opened.max_length,
        "parameters": sum(weight.numel() for weight in opened.module.parameters()),
        "dimensions": int(opened.outputs([purpose.input_sample()]).shape[1]),
    }
    carried = {key: value for key, value in known.items() if key in purpose.carried_meta}
    return replace(model, meta={**model.meta, "task": purpose.name, **carried})


def open_network(model: Model, *, threads: int) -> Network:
    """Load a model's torch network; BadRequest where its runtime has none."""
    purpose = model_task_of(model)
    opened = open_runtime(model, threads=threads)
    if not isinstance(opened, Network):
        raise BadRequest(
            f"{purpose.name} models of format '{model.format}' cannot be written as ONNX: their runtime, "
            f"{type(opened).__name__}, gives no torch network (slmworks.contract.runtime.Network)."
        )
    return opened


def open_outputs(model: Model, *, threads: int) -> Outputs:
    """Load a model that can be compared by its outputs; BadRequest where its runtime gives none."""
    opened = open_runtime(model, threads=threads)
    if not isinstance(opened, Outputs):
        raise BadRequest(
            f"{model_task_of(model).name} models of format '{model.format}' cannot be compared by outputs: "
            f"their runtime, {type(opened).__name__}, has no `outputs` (slmworks.contract.runtime.Outputs)."
        )
    return opened


def carry_meta(model: Model) -> dict[str, object]:
    """Entries of a model's `meta` that hold in any format, as its model task says."""
    names = ("task", *model_task_of(model).carried_meta)
    return {name: model.meta[name] for name in names if name in model.meta}


def in_folder(model: Model, folder: Path) -> Model:
    """The same model as an ONNX folder that holds its files already."""
    return Model(path=folder, format="onnx", meta=carry_meta(model))


def export(network: Network, model: Model, folder: Path, *, opset: int = OPSET) -> Path:
    """Write the network of `model` with its companions into `folder`; returns the path of `model.onnx`."""
    path = folder / "model.onnx"
    to_onnx(network.graph(), path, output=network.output, max_length=network.max_length, opset=opset)
    write_companions(model, folder)
    return path


def as_onnx(model: Model, scratch: Path, *, threads: int) -> Path:
    """The path of a model's `model.onnx`, companions beside it; exported into `scratch` if need be."""
    if model.format == "onnx":
        return model.path / "model.onnx"
    folder = scratch / "export"
    folder.mkdir()
    return export(open_network(model, threads=threads), model, folder)


def write_companions(model: Model, folder: Path) -> None:
    """Write the files beside a `model.onnx`: `tokenizer.json` as it is, and those of the model task."""
    shutil.copyfile(model.path / "tokenizer.json", folder / "tokenizer.json")
    for name, text in model_task_of(model).companions(model).items():
        (folder / name).write_text(text, encoding="utf-8")
