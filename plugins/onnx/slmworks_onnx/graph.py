"""From a torch module to a `model.onnx` that depends on nothing but what it computes.

The exporter writes source lines and folders of the exporting machine into every node; they are removed,
so that the same model gives the same bytes everywhere.
"""

from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.machine.quiet import quiet
from slmworks_onnx.rotary import widen_caches

INPUTS = ("input_ids", "attention_mask")
"""Inputs of every exported graph, int64 [batch, tokens]."""
OUTPUT = "slmworks_output"
"""Name of the output while exporting. The exporter names inner values after operators (`embedding`); a file
whose output has one of those names too is invalid."""
OPSET = 23
"""The first opset with an Attention operator, which onnxruntime computes in one kernel."""


def example() -> tuple[Any, Any]:
    """Two short rows, one of them padded: sizes of 0 and 1 would be frozen into the graph."""
    import torch

    ids = torch.arange(1, 15).reshape(2, 7)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    return ids, mask


def dynamic_shapes(max_length: int) -> dict[str, Any]:
    """Let both axes of both inputs vary, up to `max_length` tokens (models with positions have a limit)."""
    import torch

    longest = max(max_length, example()[0].shape[1] + 1)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=longest)}
    return dict.fromkeys(INPUTS, axes)


def to_onnx(source: Any, path: Path, *, output: str, max_length: int, opset: int = OPSET) -> None:
    """Write a module `(input_ids, attention_mask) -> output`, or its ExportedProgram, as one ONNX file.

    `output`: name of the graph's output. BadRequest for a network that torch cannot export.
    """
    import onnx
    import torch

    with quiet():
        try:
            program = torch.onnx.export(
                source,
                example(),
                dynamo=True,
                dynamic_shapes=dynamic_shapes(max_length),
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                opset_version=opset,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = error.__cause__ or error
            raise BadRequest(
                f"the network cannot be written as ONNX ({in_a_line(reason, 120)}); take another family, or "
                "distil it into a student that is ONNX whatever its teacher: bag-of-embeddings for a "
                "classifier, static-embeddings for an embedder."
            ) from error
        if program is None:
            raise RuntimeError("the exporter returned no program")
        onnx.save(_with_output(widen_caches(stripped(program.model_proto)), output), path)


def _with_output(model: Any, name: str) -> Any:
    """Call a ModelProto's output `name`, in place, and an inner value of that name another; returns it."""
    graph, names = model.graph, {name: f"{name}_inner", OUTPUT: name}
    for node in graph.node:
        node.name = node.name.replace(OUTPUT, name)
        for values in (node.input, node.output):
            for place, value in enumerate(values):
                values[place] = names.get(value, value)
    for info in (*graph.initializer, *graph.value_info, *graph.output):
        info.name = names.get(info.name, info.name)
    return model


def stripped(model: Any) -> Any:
    """Remove names of tools, source lines and machines from a ModelProto, in place; returns it."""
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    model.producer_name, model.producer_version = "slmworks", ""
    graph = model.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    return model
