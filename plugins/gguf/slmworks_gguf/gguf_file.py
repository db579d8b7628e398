"""GGUF files that are read: a header, and weights behind it that are all there."""

from functools import cached_property
from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_gguf.gguf_header import Damaged, GgufHeader, Tensor, damaged, read_header, the_file

__all__ = ["GgufFile", "Tensor", "read", "the_file", "type_name"]


class GgufFile(GgufHeader):
    """The header of a file whose weights are all there."""

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """Names of the tensor types (`Q4_1`, …), the one with most weights first."""
        weights: dict[str, int] = {}
        for tensor in self.tensors:
            name = type_name(tensor.type)
            weights[name] = weights.get(name, 0) + tensor.elements
        return tuple(sorted(weights, key=lambda name: (-weights[name], name)))


def read(path: Path) -> GgufFile:
    """The header of a file; BadRequest for anything that isn't the whole of one GGUF model."""
    found = read_header(path)
    try:
        _check_tensors(path, path.stat().st_size, found.tensors)
    except Damaged as error:
        raise damaged(path, error) from None
    return GgufFile(found.path, found.metadata, found.types, found.tensors)


def type_name(number: int) -> str:
    """Name of a tensor type; `type 99` for one that gguf-py doesn't know."""
    from gguf import GGMLQuantizationType

    try:
        return str(GGMLQuantizationType(number).name)
    except ValueError:
        return f"type {number}"


def _check_tensors(path: Path, size: int, tensors: tuple[Tensor, ...]) -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    for tensor in tensors:
        try:
            block, width = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.type)]
        except (KeyError, ValueError):
            raise BadRequest(
                f"{path.name}: tensor {tensor.name} has {type_name(tensor.type)}, a type that gguf-py does "
                "not know; take a file of another type (Q8_0, F16, …)."
            ) from None
        if tensor.shape and tensor.shape[-1] % block:
            raise Damaged(f"{tensor.name} has rows of {tensor.shape[-1]} weights, no multiple of {block}")
        if tensor.offset + tensor.elements // block * width > size:
            raise BadRequest(
                f"{path.name}: cut short after {size:,} bytes, inside tensor {tensor.name}; fetch the file "
                "again."
            )
