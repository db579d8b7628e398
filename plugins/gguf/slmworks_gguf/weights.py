"""Weights of a GGUF file as safetensors in float32, one tensor in memory at a time.

transformers' own loader holds the whole model twice. Its tables say which tensor is which, and undo what the
converter did to some (the order of rotary halves, norms shifted by one).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks_gguf.gguf_file import GgufFile, Tensor, type_name

if TYPE_CHECKING:
    import numpy as np

_PLAIN = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def check(file: GgufFile) -> None:
    """BadRequest for a tensor type whose values cannot be computed."""
    import numpy as np
    from gguf.quants import dequantize

    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    for kind in sorted({tensor.type for tensor in file.tensors}):
        if type_name(kind) in _PLAIN:
            continue
        number = GGMLQuantizationType(kind)
        try:
            dequantize(np.zeros((1, GGML_QUANT_SIZES[number][1]), np.uint8), number)
        except Exception:  # noqa: BLE001  (NotImplementedError, and whatever integers come to)
            first = next(tensor.name for tensor in file.tensors if tensor.type == kind)
            raise BadRequest(
                f"{file.path.name}: tensor {first} has type {number.name}, which gguf-py cannot turn back "
                "into float32; take a file of another type (Q8_0, F16, …)."
            ) from None


@dataclass(frozen=True)
class Plan:
    """Which tensor goes where in a network."""

    file: GgufFile
    processor: Any
    """Of transformers: undoes what the converter did to a tensor."""
    places: tuple[tuple[str, tuple[int, ...], Tensor], ...]
    """Name and shape in the network, and the tensor of the file."""

    def write(self, path: Path) -> None:
        """Write the weights in float32 as safetensors."""
        values = ((name, self._value(tensor)) for name, _, tensor in self.places)
        stream(path, [(name, shape) for name, shape, _ in self.places], values)

    def _value(self, tensor: Tensor) -> "np.ndarray[Any, Any]":
        values = values_of(self.file, tensor)
        found: np.ndarray[Any, Any] = self.processor.process(weights=values, name=tensor.name).weights
        return found


def plan(file: GgufFile, network: Any) -> Plan:
    """The place of each tensor in `network`, which may be on the meta device.

    BadRequest for tensors that the network has no place for, and places that no tensor fills.
    """
    from transformers.modeling_gguf_pytorch_utils import (
        TENSOR_PROCESSORS,
        TensorProcessor,
        get_gguf_hf_weights_map,
    )

    settings = network.config.to_dict()
    processor = TENSOR_PROCESSORS.get(file.architecture, TensorProcessor)(config=settings)
    names = get_gguf_hf_weights_map(network, processor)
    wanted = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    tied = set(network.all_tied_weights_keys) if settings["tie_word_embeddings"] else set()
    named = [(names.get(tensor.name, ""), tensor) for tensor in file.tensors]
    _check_places(file, named, {name: shape for name, shape in wanted.items() if name not in tied})
    return Plan(file, processor, tuple((name, wanted[name], tensor) for name, tensor in named))


def _check_places(file: GgufFile, named: list[tuple[str, Tensor]], wanted: dict[str, Any]) -> None:
    for place, tensor in named:
        if place not in wanted:
            raise BadRequest(
                f"{file.path.name}: transformers' network has no place for its tensor {tensor.name}; such a "
                "model cannot be taken over exactly."
            )
        if tensor.elements != _count(wanted[place]):
            raise BadRequest(
                f"{file.path.name}: tensor {tensor.name} has the shape {list(tensor.shape)}, and "
                f"{list(wanted[place])} is what its metadata says; the file is damaged."
            )
    if absent := sorted(wanted.keys() - {place for place, _ in named}):
        raise BadRequest(f"{file.path.name}: it has no tensor for {absent[0]} ({len(absent)} are missing).")


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def values_of(file: GgufFile, tensor: Tensor) -> "np.ndarray[Any, Any]":
    """A tensor's values in float32, in its shape."""
    import numpy as np
    from gguf.quants import dequantize

    from gguf import GGMLQuantizationType

    kind = GGMLQuantizationType(tensor.type)
    data = stored(file, tensor)
    found = data.astype(np.float32) if kind.name in _PLAIN else dequantize(data, kind)
    return found.reshape(tensor.shape)


def stored(file: GgufFile, tensor: Tensor) -> "np.ndarray[Any, Any]":
    """A tensor as the file has it, mapped: numbers, or the bytes of quantized rows [rows, bytes]."""
    import numpy as np

    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    kind = GGMLQuantizationType(tensor.type)
    if kind.name in _PLAIN:
        plain = np.dtype(_PLAIN[kind.name])
        return np.memmap(file.path, plain, "r", tensor.offset, tensor.shape or (1,))
    block, width = GGML_QUANT_SIZES[kind]
    *rows, columns = tensor.shape
    return np.memmap(file.path, np.uint8, "r", tensor.offset, (*rows, columns // block * width))


def stream(
    path: Path,
    shapes: list[tuple[str, tuple[int, ...]]],
    values: "Iterator[tuple[str, np.ndarray[Any, Any]]]",
) -> None:
    """Write float32 tensors as they come, in a safetensors file.

    Format: https://huggingface.co/docs/safetensors (length and JSON of the header, then the data in order).
    """
    import numpy as np

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in shapes:
        end = at + 4 * _count(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % 8)
    with path.open("wb") as out:
        out.write(len(said).to_bytes(8, "little") + said)
        for (name, shape), (given, value) in zip(shapes, values, strict=True):
            assert name == given
            out.write(np.ascontiguousarray(value, "<f4").reshape(shape).data)
