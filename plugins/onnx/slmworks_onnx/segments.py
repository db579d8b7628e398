"""Write a network with a memory as an ONNX graph of one segment: memory goes in, memory comes out."""

import shutil
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed, in_a_line
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.export import Export
from slmworks_onnx.graph import OPSET

INPUTS = ("input_ids", "attention_mask", "memory")
"""int64 [rows, segment], int64 [rows, memory + segment], float32 [layers, rows, memory, width]."""
OUTPUTS = ("logits", "next_memory")
"""float32 [rows, segment, vocabulary], and `memory` for the next segment."""
PIECES = 3
"""Segments of the text that is compared with torch."""


class ExportSegments(Export):
    """Write a Transformer-XL as an ONNX graph of one segment, its memory an input and an output.

    The host hands `next_memory` on as the next segment's `memory`; for the first one it gives zeros, and
    zeros in the first columns of `attention_mask`. No runtime here answers with such a file: it is for a host
    of your own.
    """

    accepts: ClassVar = {"model": ("hf",)}
    produces: ClassVar = "onnx"
    model_tasks: ClassVar = ("text-generation",)
    max_threads: ClassVar = 1
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "onnx", "onnxscript")

    segment_length: PositiveInt | None = None
    """Tokens of a segment, fixed in the file; the model's own when left out. 1 writes token by token."""
    opset: Annotated[int, Field(ge=18, le=23)] = OPSET
    """ONNX operator set."""
    tolerance: PositiveFloat = 1e-4
    """Largest difference of any logit from torch that is accepted."""

    def run(self, *, model: Model, task: Task, **_: object) -> Model:
        """Export, then compute a text of three segments by the file and by torch in one go."""
        from slmworks.model_tasks.hf_text import load_network

        require_no_scope(model)
        net = load_network(model.path, "AutoModelForCausalLM")
        if not getattr(net.config, "memory_length", None):
            raise BadRequest(
                f"model: a {net.config.model_type} network hands on no memory; give a Transformer-XL "
                "(finetune/pretrain with `architecture: transformer-xl`), or use export/gguf."
            )
        length = self.segment_length or int(net.config.segment_length)
        task.output.mkdir(parents=True, exist_ok=True)
        path = task.output / "model.onnx"
        _write(net, length, path, self.opset)
        difference = _difference(net, length, path, task)
        if not difference <= self.tolerance:
            raise TaskFailed(
                f"export: the ONNX file's logits differ from torch's by {difference:.2g}, more than the "
                f"tolerance {self.tolerance:.2g}; try another opset, or raise `tolerance`."
            )
        for name in ("config.json", "tokenizer.json"):
            shutil.copyfile(model.path / name, task.output / name)
        return Model(
            path=task.output,
            format="onnx",
            meta={**model.meta, "segment_length": length, "memory_length": int(net.config.memory_length)},
            summary={"bytes": path.stat().st_size, "difference": difference},
        )


def _write(net: Any, length: int, path: Path, opset: int) -> None:
    """Export one segment; the number of rows may vary. BadRequest for a network that torch cannot export."""
    import onnx
    import torch
    from slmworks.machine.quiet import quiet
    from slmworks_onnx.graph import stripped

    rows = torch.export.Dim("rows")
    axes = ({0: rows}, {0: rows}, {1: rows})
    with quiet():
        try:
            program = torch.onnx.export(
                _segment(net),
                _first(net, torch.ones(2, length, dtype=torch.int64)),
                dynamo=True,
                dynamic_shapes=dict(zip(INPUTS, axes, strict=True)),
                input_names=list(INPUTS),
                output_names=list(OUTPUTS),
                opset_version=opset,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise BadRequest(
                f"the network cannot be written as ONNX ({in_a_line(error.__cause__ or error, 120)}); try "
                "another opset, or serve it by torch."
            ) from error
        if program is None:
            raise RuntimeError("the exporter returned no program")
        onnx.save(stripped(program.model_proto), path)


def _segment(net: Any) -> Any:
    """A torch module with the inputs and outputs of the graph."""
    import torch

    class Segment(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, input_ids: Any, attention_mask: Any, memory: Any) -> Any:
            found = self.net(input_ids=input_ids, attention_mask=attention_mask, memory=memory)
            return found.logits, found.memory

    return Segment()


def _first(net: Any, ids: Any) -> Any:
    """Inputs of a first segment: nothing is remembered, and nothing of that is seen."""
    import torch

    said = net.config
    rows, memory = len(ids), said.memory_length
    seen = torch.cat([ids.new_zeros(rows, memory), torch.ones_like(ids)], dim=1)
    return ids, seen, torch.zeros(said.num_hidden_layers, rows, memory, said.hidden_size)


def _difference(net: Any, length: int, path: Path, task: Task) -> float:
    """Largest difference of logits over a text of `PIECES` segments, two rows; NaN if either computes one."""
    import numpy as np

    import torch
    from slmworks.model_tasks.onnx_text import open_session

    session = open_session(path, task.threads)
    chance = torch.Generator().manual_seed(task.seed)
    ids = torch.randint(net.config.vocab_size, (2, PIECES * length), generator=chance)
    with torch.inference_mode():
        wanted = net(input_ids=ids).logits.numpy()
    _, seen, memory = (one.numpy() for one in _first(net, ids[:, :length]))
    found = []
    for piece in ids.split(length, dim=1):
        given = dict(zip(INPUTS, (piece.numpy(), seen, memory), strict=True))
        logits, memory = session.run(list(OUTPUTS), given)
        found.append(logits)
        seen = np.concatenate([seen[:, length:], np.ones_like(seen[:, :length])], axis=1)
    return float(np.abs(np.concatenate(found, axis=1) - wanted).max())
