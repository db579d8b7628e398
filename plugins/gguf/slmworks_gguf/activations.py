"""What goes into each matrix of a network while llama.cpp computes texts: the importance of its columns.

Method: the mean of the squared activations of a column over all tokens, as llama.cpp's `llama-imatrix` has
it; an error of a weight counts in the output by just that. llama.cpp tells of each tensor that it computes,
and one structure is laid out here, the tensor: it is compared with where the library finds a name and data.
"""

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed
from slmworks_gguf.gguf_file import GgufFile
from slmworks_gguf.llama_cpp import LlamaCpp, opened, shared_library

if TYPE_CHECKING:
    import numpy as np

    _Array = np.ndarray[Any, Any]

_F32 = 0
"""ggml's number of float32."""
LEAST = 1e-3
"""Importance of a column at least, by the mean of its tensor: a silent one may speak in another text."""


class _Tensor(ctypes.Structure):
    """`ggml_tensor`."""

    _fields_ = (
        ("type", ctypes.c_int32),
        ("buffer", ctypes.c_void_p),
        ("sizes", ctypes.c_int64 * 4),
        ("strides", ctypes.c_size_t * 4),
        ("operation", ctypes.c_int32),
        ("parameters", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("sources", ctypes.c_void_p * 10),
        ("view_of", ctypes.c_void_p),
        ("view_offset", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    )


class Activations:
    """Sums of squares, column by column, of what is multiplied with each matrix that is named."""

    def __init__(self, names: Iterable[str]) -> None:
        self.sums: dict[str, _Array] = {}
        """Tensor -> float64 [columns]."""
        self.counts: dict[str, int] = dict.fromkeys(names, 0)
        """Tensor -> tokens."""
        self.problem: Exception | None = None
        """What went wrong inside a call of llama.cpp's, which no exception passes."""
        self._library = shared_library()
        self._known_layout = False

    def watch(self, address: int, ask: bool) -> bool:  # noqa: FBT001  (as llama.cpp calls it)
        """llama.cpp's call at each tensor."""
        try:
            self._known_layout = self._known_layout or _check_layout(self._library, address)
            if ask:
                return self._wanted(address) is not None
            self._add(address)
        except Exception as error:  # noqa: BLE001  (raised by `importance`, outside of llama.cpp)
            self.problem = error
            return False
        return True

    def _wanted(self, address: int) -> "tuple[str, _Tensor] | None":
        """The name of the matrix and what it is multiplied with; None for any other computation."""
        if self._library.ggml_op_desc(address) != b"MUL_MAT":
            return None
        weight, given = (_Tensor.from_address(one) for one in _Tensor.from_address(address).sources[:2])
        name = bytes(weight.name).decode("utf-8", "replace")
        return (name, given) if name in self.counts else None

    def _add(self, address: int) -> None:
        import numpy as np

        found = self._wanted(address)
        assert found is not None
        name, given = found
        columns, rows, *more = given.sizes
        if given.type != _F32 or given.strides[0] != 4 or any(size != 1 for size in more):
            raise TaskFailed(f"llama.cpp multiplies {name} with a tensor that is laid out in another way.")
        bytes_there = (ctypes.c_char * (given.strides[1] * rows)).from_address(given.data)
        values = np.ndarray((rows, columns), np.float32, bytes_there, 0, (given.strides[1], 4))
        squares = np.square(values, dtype=np.float64).sum(0)
        self.sums[name] = self.sums.get(name, 0.0) + squares
        self.counts[name] += rows

    def importance(self) -> "dict[str, _Array]":
        """Tensor -> importance of each column, float32 [columns]; TaskFailed for a matrix without use."""
        import numpy as np

        if self.problem is not None:
            raise self.problem
        absent = [name for name, count in self.counts.items() if not count]
        if absent:
            raise TaskFailed(f"llama.cpp computed nothing with {absent[0]} ({len(absent)} such tensors).")
        found = {}
        for name, sums in self.sums.items():
            mean = sums / self.counts[name]
            if not np.isfinite(mean).all():
                raise TaskFailed(f"what llama.cpp multiplies {name} with is not finite.")
            found[name] = np.maximum(mean, LEAST * mean.mean() or 1.0).astype(np.float32)
        return found


def _check_layout(library: Any, address: int) -> bool:
    """TaskFailed unless a tensor's name and data lie where `_Tensor` has them."""
    name = library.ggml_get_name(address) == address + _Tensor.name.offset
    if name and library.ggml_get_data(address) == _Tensor.from_address(address).data:
        return True
    raise TaskFailed(
        "xllamacpp's llama.cpp lays out its tensors in another way than slmworks-gguf was written for; "
        "install slmworks-gguf[run]."
    )


def importance(
    file: GgufFile,
    texts: Callable[[LlamaCpp], Sequence[Sequence[int]]],
    *,
    window: int,
    threads: int,
    progress: Callable[[int, int], None],
) -> "dict[str, _Array]":
    """Importance of the columns of every matrix in the layers, float32 [columns], over texts.

    `texts`: from the opened file to the token ids of each text, `window` tokens at most.
    """
    names = [
        tensor.name for tensor in file.tensors if len(tensor.shape) == 2 and tensor.name.startswith("blk.")
    ]
    found = Activations(names)
    with opened(file.path, threads=threads, window=window, watch=found.watch) as llama:
        given = texts(llama)
        for done, ids in enumerate(given):
            progress(done, len(given))
            llama.read(ids)
            if found.problem is not None:
                break
    return found.importance()
