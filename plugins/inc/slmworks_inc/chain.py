"""torch network -> Neural Compressor's int8 program -> ONNX with quantize and dequantize nodes.

One process does it all. Neural Compressor leaves weights as fp32 with a quantize node behind each; torchao's
folding turns them into int8 constants, without which the file would not shrink.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    import numpy as np


def quantize_to_onnx(
    graph: Any,
    path: Path,
    *,
    output: str,
    batches: Iterable[Mapping[str, "np.ndarray[Any, Any]"]],
    observer: str,
    keep_fp32: Sequence[str],
    max_length: int,
) -> dict[str, str]:
    """Quantize the linear layers of `graph`, calibrated with `batches`; write it to `path`.

    `graph` and `output` are a `Network`'s; `observer` is Neural Compressor's `act_algo`; `keep_fp32` lists
    module paths of the network. Returns module path -> name of its int8 weight in the file, in the order of
    computation.
    """
    import onnx
    import torch
    from slmworks.machine.quiet import quiet
    from slmworks_inc.transpose import transpose_weights
    from slmworks_onnx.graph import dynamic_shapes, example, to_onnx

    def plain() -> None:
        """Write the network as it is, which says why where it can't be."""
        to_onnx(graph, path, output=output, max_length=max_length)
        path.unlink()

    with quiet(), torch.no_grad():
        from neural_compressor.torch.export import export
        from neural_compressor.torch.quantization import convert, prepare

        shapes = dynamic_shapes(max_length)
        with _traced(plain):
            program = export(graph, example_inputs=example(), dynamic_shapes=shapes)
        # torchao's quantizer doesn't bear a layer that nothing reads (a pooler beside pooled embeddings).
        program.graph.eliminate_dead_code()
        program.recompile()
        observed = prepare(program, static_config(observer, keep_fp32))
        for batch in batches:
            observed(torch.from_numpy(batch["input_ids"]), torch.from_numpy(batch["attention_mask"]))
        quantized = convert(observed)
        _keep_only_layers(quantized)
        _fold_weights(quantized)
        layers = _layers(quantized)
        with _traced(plain):
            exported = torch.export.export(quantized, example(), dynamic_shapes=shapes)
    to_onnx(exported, path, output=output, max_length=max_length)
    onnx.save(transpose_weights(onnx.load(path)), path)
    return layers


@contextmanager
def _traced(plain: Callable[[], None]) -> Iterator[None]:
    """BadRequest for a network that torch cannot trace for every number and length of texts.

    onnx-static is offered where `plain`, its first step, works; else the error is `plain`'s.
    """
    from slmworks.machine.quiet import quiet

    try:
        with quiet(logging.ERROR):  # torch logs the stack before it raises
            yield
    except RuntimeError as error:
        plain()
        raise BadRequest(
            "Neural Compressor cannot trace this network for texts of every number and length, while torch's "
            "own export to ONNX can; use onnx-static, which quantizes that."
        ) from error


def static_config(observer: str, keep_fp32: Sequence[str]) -> Any:
    """Neural Compressor's configuration: static int8, but fp32 for the modules that `keep_fp32` names."""
    from neural_compressor.torch.quantization import INT8StaticQuantConfig

    config = INT8StaticQuantConfig(act_algo=observer)
    for path in keep_fp32:
        # A graph calls its network `model`.
        config.set_local(f"model.{path}", INT8StaticQuantConfig(w_dtype="fp32", act_dtype="fp32"))
    return config


def _keep_only_layers(quantized: Any) -> None:
    """Take out int8 that no linear layer reads.

    torchao's x86 quantizer (0.18) also quantizes an operand of some products, in DeBERTa v2 and v3 that of
    the positions' buckets: texts beyond the first bucket then got other positions, whatever the layers were.
    """
    import torch

    for node in quantized.graph.nodes:
        if "dequantize_per_tensor" in str(node.target):
            for reader in [one for one in node.users if one.target is not torch.ops.aten.linear.default]:
                reader.replace_input_with(node, node.args[0].args[0])
    quantized.graph.eliminate_dead_code()
    quantized.recompile()


def _fold_weights(quantized: Any) -> None:
    # The constraint is a private name of torchao, which is why our extra pins it; it keeps dequantize nodes.
    from torchao.quantization.pt2e.constant_fold import constant_fold
    from torchao.quantization.pt2e.quantize_pt2e import _quant_node_constraint

    constant_fold(quantized, _quant_node_constraint)


def _layers(quantized: Any) -> dict[str, str]:
    import torch

    found = {}
    for node in quantized.graph.nodes:
        if node.target is not torch.ops.aten.linear.default or node.args[1].op != "call_function":
            continue
        # linear(x, dequantize(weight)); the innermost module is the linear layer itself.
        path, _ = list(node.meta["nn_module_stack"].values())[-1]
        found[path.removeprefix("model.")] = str(node.args[1].args[0].target)
    return found
