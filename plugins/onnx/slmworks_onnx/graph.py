"""From a torch classifier to a `model.onnx` that depends on nothing but what it computes.

The exporter writes source lines and folders of the exporting machine into every node; they are removed,
so that the same model gives the same bytes everywhere.
"""

from pathlib import Path
from typing import Any

from slmworks.machine.quiet import quiet

INPUTS = ("input_ids", "attention_mask")
"""Inputs of every exported classifier, int64 [batch, tokens]."""
OPSET = 23
"""The first opset with an Attention operator, which onnxruntime computes in one kernel."""


def logits_only(model: Any) -> Any:
    """Wrap a Hugging Face classifier as `(input_ids, attention_mask) -> logits [batch, labels]`.

    The classifier becomes the wrapper's `model`, so its modules are called `model.<path>`.
    """
    import torch

    class Logits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
            return found

    return Logits().eval()


def example() -> tuple[Any, Any]:
    """Give two short rows, one of them padded: sizes of 0 and 1 would be frozen into the graph."""
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


def to_onnx(source: Any, path: Path, *, max_length: int, opset: int = OPSET) -> None:
    """Write a module of `(input_ids, attention_mask) -> logits`, or its ExportedProgram, as one ONNX file."""
    import onnx
    import torch

    with quiet():
        program = torch.onnx.export(
            source,
            example(),
            dynamo=True,
            dynamic_shapes=dynamic_shapes(max_length),
            input_names=list(INPUTS),
            output_names=["logits"],
            opset_version=opset,
            verbose=False,
        )
        if program is None:
            raise RuntimeError("the exporter returned no program")
        onnx.save(stripped(program.model_proto), path)


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
