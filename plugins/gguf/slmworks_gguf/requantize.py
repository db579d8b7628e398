"""A GGUF file with its matrices in blocks of fewer bits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks_gguf import weights
from slmworks_gguf.gguf_file import GgufFile, Tensor
from slmworks_gguf.mixtures import BASE, Choice

if TYPE_CHECKING:
    import numpy as np

WHOLE = ("F64", "F32", "F16", "BF16")
"""Tensor types that are not quantized."""


@dataclass(frozen=True)
class Share:
    """How many weights were stored in blocks."""

    parameters: int
    quantized: int
    """In blocks, whatever their type."""
    named: int
    """Of the type that was asked for."""
    fallbacks: int
    """Tensors of another type than the mixture asks for: their rows are no multiple of its block."""

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


def share(file: GgufFile, kind: str, choices: Sequence[Choice]) -> Share:
    """What `write` stores in blocks."""
    counts = dict.fromkeys((*(one.type for one in choices), BASE[kind]), 0)
    for tensor, one in zip(file.tensors, choices, strict=True):
        counts[one.type] += tensor.elements
    blocks = sum(count for name, count in counts.items() if name not in WHOLE)
    fallbacks = sum(one.type != one.wanted for one in choices)
    return Share(file.parameters, blocks, counts[BASE[kind]], fallbacks)


def write(
    file: GgufFile,
    path: Path,
    kind: str,
    choices: Sequence[Choice],
    *,
    blocks: "Callable[[Tensor, str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]",
    progress: Callable[[int, int], None],
) -> None:
    """Write `file` as one of type `kind` (`q4_0`, …), each tensor as chosen; one in memory at a time.

    `blocks`: from a tensor, its type and its values in float32 to what is stored.
    """
    import gguf

    writer = gguf.GGUFWriter(path, file.architecture)
    _write_header(writer, file, kind, choices)
    for done, (tensor, one) in enumerate(zip(file.tensors, choices, strict=True)):
        progress(done, len(choices))
        values = weights.values_of(file, tensor)
        writer.write_tensor_data(blocks(tensor, one.type, values))
    writer.close()


def _write_header(writer: Any, file: GgufFile, kind: str, choices: Sequence[Choice]) -> None:
    """The metadata as they were, but for the type, and the tensors' descriptions."""
    import numpy as np

    import gguf

    skipped = ("general.architecture", "general.file_type", "general.quantization_version")
    for key, value in file.metadata.items():
        if key not in skipped:
            of, inner = file.types[key]
            element = None if inner is None else gguf.GGUFValueType(inner)
            writer.add_key_value(key, value, gguf.GGUFValueType(of), sub_type=element)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind.upper()}"])
    for tensor, one in zip(file.tensors, choices, strict=True):
        number = gguf.GGMLQuantizationType[one.type]
        block, width = gguf.GGML_QUANT_SIZES[number]
        size = tensor.elements // block * width
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
