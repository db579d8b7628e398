"""ggml's quantizers, by its C API: blocks of a tensor type from float32 rows, with or without importance.

The library is llama.cpp's own (`ggml_quantize_chunk`), the one that computes with the blocks afterwards.
Without importance its blocks of 32 weights are gguf-py's to the byte.
"""

import ctypes
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed
from slmworks_gguf.llama_cpp import shared_library

if TYPE_CHECKING:
    import numpy as np

    _Array = np.ndarray[Any, Any]

PLAIN = ("F32",)
"""Types that are stored as they are."""


def quantized(values: "_Array", kind: str, importance: "_Array | None" = None) -> "_Array":
    """Rows of float32 [rows, columns] as blocks of a type (`Q4_K`): bytes [rows, width].

    `importance`: weight of the squared error in each column, float32 [columns]; all alike if None.
    """
    import numpy as np

    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    given = np.ascontiguousarray(values, np.float32)
    if kind in PLAIN:
        return given
    number = GGMLQuantizationType[kind]
    block, width = GGML_QUANT_SIZES[number]
    rows, columns = given.shape
    if columns % block:
        raise ValueError(f"rows of {columns} weights are no multiple of {kind}'s block of {block}")
    made = np.empty((rows, columns // block * width), np.uint8)
    # Held here while the call runs: a pointer keeps nothing alive.
    weights = None if importance is None else np.ascontiguousarray(importance, np.float32)
    pointer = None if weights is None else weights.ctypes.data_as(ctypes.c_void_p)
    size = shared_library().ggml_quantize_chunk(
        int(number), given.ctypes.data, made.ctypes.data, 0, rows, columns, pointer
    )
    if size != made.nbytes:
        raise TaskFailed(
            f"xllamacpp's ggml writes {kind} in {size} bytes where gguf-py counts {made.nbytes}; install "
            "slmworks-gguf[run]."
        )
    return made
