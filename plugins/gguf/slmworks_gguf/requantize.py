"""A GGUF file with its matrices in blocks of fewer bits, rounded to nearest by gguf-py's quantizers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_gguf import weights
from slmworks_gguf.gguf_file import GgufFile, Tensor

WHOLE = ("F64", "F32", "F16", "BF16")
"""Tensor types that are not quantized."""
TABLES = ("output.weight", "token_embd.weight")
"""The two tables of the vocabulary: what a rounded weight costs most, and what has rows for rare tokens."""


@dataclass(frozen=True)
class Share:
    """How many weights were stored in blocks."""

    parameters: int
    quantized: int
    """In blocks, whatever their type."""
    named: int
    """Of the type that was asked for."""

    def of(self, count: int) -> float:
        """A count as a share of all parameters."""
        return count / self.parameters


def check(file: GgufFile) -> None:
    """BadRequest for a file that is quantized already."""
    quantized = [name for name in file.type_names if name not in WHOLE]
    if quantized:
        raise BadRequest(
            f"{file.path.name}: its weights are {quantized[0]} already; give the step the f32 file or the "
            "Hugging Face folder that it was made of."
        )


def write(file: GgufFile, path: Path, *, kind: str, progress: Callable[[int, int], None]) -> Share:
    """Write `file` with matrices of type `kind` (`Q4_0`, …), tables Q8_0; one tensor in memory at a time.

    What is no matrix, or has rows that are no multiple of a block, keeps its type.
    """
    import numpy as np

    import gguf

    kinds = [_kind(tensor, kind) for tensor in file.tensors]
    writer = gguf.GGUFWriter(path, file.architecture)
    skipped = ("general.architecture", "general.file_type", "general.quantization_version")
    for key, value in file.metadata.items():
        if key not in skipped:
            of, inner = file.types[key]
            element = None if inner is None else gguf.GGUFValueType(inner)
            writer.add_key_value(key, value, gguf.GGUFValueType(of), sub_type=element)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    for tensor, to in zip(file.tensors, kinds, strict=True):
        number = gguf.GGMLQuantizationType[to]
        block, width = gguf.GGML_QUANT_SIZES[number]
        size = tensor.elements // block * width
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, (tensor, to) in enumerate(zip(file.tensors, kinds, strict=True)):
        progress(done, len(kinds))
        values = weights.values_of(file, tensor)
        writer.write_tensor_data(gguf.quants.quantize(values, gguf.GGMLQuantizationType[to]))
    writer.close()
    counts = dict.fromkeys((*kinds, kind), 0)
    for tensor, to in zip(file.tensors, kinds, strict=True):
        counts[to] += tensor.elements
    blocks = sum(count for name, count in counts.items() if name not in WHOLE)
    return Share(file.parameters, blocks, counts[kind])


def _kind(tensor: Tensor, kind: str) -> str:
    """The type that a tensor gets."""
    if len(tensor.shape) != 2 or tensor.shape[-1] % 32 or not tensor.name.endswith(".weight"):
        return "F32"
    return "Q8_0" if tensor.name in TABLES else kind
