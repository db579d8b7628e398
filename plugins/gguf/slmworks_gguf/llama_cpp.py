"""llama.cpp in this process: token ids and the logits of every position, as the binary that serves has them.

xllamacpp brings llama.cpp as a library with its C API exported, and a server that gives no log-probabilities
of a prompt. The few calls here go to the C API. Parameters are passed as they come from the library, in a
buffer larger than any version's; the few that are set in a context are set after a look at the defaults of
all before them. One other structure is laid out here, the batch. A version of xllamacpp that changes either
is refused, and the comparison with torch would notice.

Keys and values of attention are kept in float32 here. A server keeps them in float16 by default, which alone
moves log-probabilities by some 0.04 nats.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, TaskFailed

if TYPE_CHECKING:
    import numpy as np

_ERROR = 4
"""llama.cpp's log level of errors."""
_MINUS = 0xFFFFFFFF
_NO_FLOAT = 0xBF800000  # -1.0
_DEFAULTS = (
    512, 2048, 512, 1, 0, 0, 1, 4, 4, 0, _MINUS, _MINUS, _MINUS, _MINUS, 0, 0, _NO_FLOAT, _NO_FLOAT,
    _NO_FLOAT, _NO_FLOAT, 0, _NO_FLOAT, 0, 0, 0, 0, 1, 1,
)  # fmt: skip
"""The first numbers of untouched context parameters."""
_PLACES = 256
"""Places whose logits are in memory at once, where a text's are read one after the other."""
_WINDOW, _BATCH, _FLASH, _WATCH, _KEYS, _VALUES = 0, 1, 13, 22, 26, 27
"""Places in them: window, batch, flash attention (0: off), a call at each tensor that is computed (two places
for a pointer), types of keys and values (0: float32)."""
Watch = Callable[[int, bool], bool]
"""Told of each tensor (its address) before it is computed, with True: should it be shown? And, where that is
so, when it is computed, with False: go on?"""


class _Parameters(ctypes.Structure):
    """Room for the parameters of a model or a context."""

    _fields_ = (("bytes", ctypes.c_uint64 * 256),)


class _Batch(ctypes.Structure):
    """`llama_batch`: tokens to compute, at which places, and which of them give logits."""

    _fields_ = (
        ("count", ctypes.c_int32),
        ("tokens", ctypes.POINTER(ctypes.c_int32)),
        ("embeddings", ctypes.POINTER(ctypes.c_float)),
        ("places", ctypes.POINTER(ctypes.c_int32)),
        ("sequence_counts", ctypes.POINTER(ctypes.c_int32)),
        ("sequences", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("gives_logits", ctypes.POINTER(ctypes.c_int8)),
    )


class LlamaCpp:
    """A loaded GGUF file."""

    def __init__(
        self, library: Any, model: int, context: int | None, window: int, path: Path, threads: int
    ) -> None:
        self.library, self.model, self.context, self.window = library, model, context, window
        self.path, self.threads = path, threads
        self.vocab = library.llama_model_get_vocab(model)
        self.tokens = int(library.llama_vocab_n_tokens(self.vocab))
        """Size of the vocabulary."""

    def widen(self, window: int) -> None:
        """Make place for `window` tokens at once; the model stays loaded, and need not be on disk."""
        self.library.llama_free(self.context)
        self.context = _context(self.library, self.model, window, self.threads)
        self.window = window if self.context else 0
        if not self.context:
            raise BadRequest(f"{self.path.name}: llama.cpp has no memory for {window} tokens at once.")

    @property
    def add_bos(self) -> bool:
        """The beginning-of-text token comes before a text by itself."""
        return bool(self.library.llama_vocab_get_add_bos(self.vocab))

    @property
    def add_eos(self) -> bool:
        """The end-of-text token comes behind a text by itself."""
        return bool(self.library.llama_vocab_get_add_eos(self.vocab))

    def encode(self, text: str, *, around: bool = True) -> list[int]:
        """Token ids of a text; special tokens in the text are taken as such.

        `around`: with the tokens that come before and behind a text by themselves.
        """
        said = text.encode("utf-8")
        room = len(said) + 8
        ids = (ctypes.c_int32 * room)()
        count = self.library.llama_tokenize(self.vocab, said, len(said), ids, room, around, True)
        if count < 0:
            raise TaskFailed(f"{self.path.name}: llama.cpp could not tokenize a text of {len(said)} bytes.")
        return list(ids[:count])

    def piece(self, token: int) -> str:
        """A token as it stands in the vocabulary."""
        return str(self.library.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace"))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, without special ones; bytes that are no UTF-8 become U+FFFD."""
        given, room = (ctypes.c_int32 * len(ids))(*ids), 16 * len(ids) + 16
        while True:
            said = ctypes.create_string_buffer(room)
            size = self.library.llama_detokenize(self.vocab, given, len(ids), said, room, False, False)
            if size >= 0:
                return said.raw[:size].decode("utf-8", "replace")
            room = -size

    def logits(self, ids: Sequence[int]) -> "np.ndarray[Any, Any]":
        """Logits at every position of a text, float32 [tokens, vocabulary]."""
        self._forget()
        return self._compute(ids, 0)

    def read(self, ids: Sequence[int]) -> None:
        """Compute a text, for a watcher to see."""
        self._forget()
        self._compute(ids, 0)

    def logits_behind(self, ids: Sequence[int], answer: Sequence[int]) -> "Iterator[np.ndarray[Any, Any]]":
        """Logits before each token of an answer to `ids`, and behind its last one, some places at a time.

        float32 [places, vocabulary]; the window must hold both.
        """
        self._forget()
        told = [*ids, *answer]
        start, end = 0, min(len(ids) + _PLACES - 1, len(told))
        while start < len(told):
            yield self._compute(told[start:end], start, skip=max(len(ids) - 1 - start, 0))
            start, end = end, min(end + _PLACES, len(told))

    def greedy(self, ids: Sequence[int], steps: int) -> tuple[list[int], "np.ndarray[Any, Any]"]:
        """The `steps` likeliest tokens after a text, one after the other, and the logits on the way.

        The logits are float32 [len(ids) + steps - 1, vocabulary]: those at place i are of token i + 1.
        """
        import numpy as np

        self._forget()
        rows = np.empty((len(ids) + steps - 1, self.tokens), np.float32)
        rows[: len(ids)] = self._compute(ids, 0)
        said = [int(rows[len(ids) - 1].argmax())]
        for place in range(len(ids), len(rows)):
            rows[place] = self._compute(said[-1:], place)[0]
            said.append(int(rows[place].argmax()))
        return said, rows

    def _forget(self) -> None:
        self.library.llama_memory_clear(self.library.llama_get_memory(self.context), True)

    def _compute(self, ids: Sequence[int], start: int, *, skip: int = 0) -> "np.ndarray[Any, Any]":
        """Logits of each token but the first `skip`, float32 [places, vocabulary]."""
        import numpy as np

        if not 0 < len(ids) <= self.window - start:
            raise ValueError(f"{start + len(ids)} tokens do not fit a window of {self.window}")
        batch = self.library.llama_batch_init(len(ids), 0, 1)
        try:
            batch.count = len(ids)
            for place, token in enumerate(ids):
                batch.tokens[place], batch.places[place] = token, start + place
                batch.sequence_counts[place] = 1
                batch.gives_logits[place] = place >= skip
                batch.sequences[place][0] = 0
            code = self.library.llama_decode(self.context, batch)
            if code:
                raise TaskFailed(f"{self.path.name}: llama.cpp computed nothing (llama_decode gave {code}).")
            found = self.library.llama_get_logits(self.context)
            return np.ctypeslib.as_array(found, (len(ids) - skip, self.tokens)).copy()
        finally:
            self.library.llama_batch_free(batch)


@contextmanager
def opened(path: Path, *, threads: int, window: int = 128, watch: Watch | None = None) -> Iterator[LlamaCpp]:
    """A GGUF file in llama.cpp, for `window` tokens at once; BadRequest with its word if it takes it not.

    `watch`: told of each tensor that is computed, until the window is widened.
    """
    library, watcher = shared_library(), None
    if watch is not None:
        watcher = _WATCHER(lambda tensor, ask, _data: watch(tensor, ask))
    with ExitStack() as stack:
        errors = stack.enter_context(_errors_of(library))
        model = library.llama_model_load_from_file(str(path).encode(), library.llama_model_default_params())
        if not model:
            raise BadRequest(f"{path.name}: llama.cpp does not load it ({_reason(errors)}).")
        stack.callback(library.llama_model_free, model)
        context = _context(library, model, window, threads, watcher)
        if not context:
            raise BadRequest(f"{path.name}: llama.cpp does not run it ({_reason(errors)}).")
        llama = LlamaCpp(library, model, context, window, path, threads)
        stack.callback(lambda: library.llama_free(llama.context))
        yield llama


def _context(library: Any, model: int, window: int, threads: int, watcher: Any = None) -> int | None:
    """A context of `window` tokens; None where llama.cpp makes none."""
    given = _context_parameters(library, window)
    if watcher is not None:
        address = ctypes.c_uint64.from_buffer(given, 4 * _WATCH)
        address.value = ctypes.cast(watcher, ctypes.c_void_p).value or 0
    context: int | None = library.llama_init_from_model(model, given)
    if context:
        library.llama_set_n_threads(context, threads, threads)
    return context


def _reason(errors: Sequence[str]) -> str:
    said = next((line for line in errors if "error loading" in line or "unknown" in line), "")
    return (said or next(iter(errors), "it gives no reason")).rpartition("error loading model: ")[2]


@contextmanager
def _errors_of(library: Any) -> Iterator[list[str]]:
    """llama.cpp's lines of error, as they come; nothing of its log is printed."""
    lines: list[str] = []

    def note(level: int, text: bytes, _data: object) -> None:
        if level == _ERROR and text.strip():
            lines.append(" ".join(text.decode("utf-8", "replace").split()))

    listener = _LISTENER(note)
    library.llama_log_set(listener, None)
    try:
        yield lines
    finally:
        library.llama_log_set(_SILENT, None)


_LISTENER: Callable[..., Any] = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_WATCHER: Callable[..., Any] = ctypes.CFUNCTYPE(
    ctypes.c_bool, ctypes.c_void_p, ctypes.c_bool, ctypes.c_void_p
)
_SILENT = _LISTENER(lambda _level, _text, _data: None)


def _context_parameters(library: Any, window: int) -> _Parameters:
    found: _Parameters = library.llama_context_default_params()
    numbers = (ctypes.c_uint32 * len(_DEFAULTS)).from_buffer(found)
    if tuple(numbers) != _DEFAULTS:
        raise TaskFailed(
            "xllamacpp's llama.cpp has other context parameters than slmworks-gguf was written for; install "
            "slmworks-gguf[run]."
        )
    numbers[_WINDOW] = numbers[_BATCH] = window
    numbers[_FLASH] = numbers[_KEYS] = numbers[_VALUES] = 0
    return found


@cache
def shared_library() -> Any:
    """The shared library of xllamacpp, with the types of the calls that are made; loaded once a process."""
    found = find_spec("xllamacpp")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'xllamacpp'", name="xllamacpp")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # it would start a debugger before the process ends
    (file,) = Path(found.origin).parent.glob("xllamacpp*.so")
    library = ctypes.CDLL(str(file))
    for name, (result, *given) in _SIGNATURES.items():
        call = getattr(library, name)
        call.restype, call.argtypes = result, given
    library.llama_log_set(_SILENT, None)
    library.llama_backend_init()
    _check_batch(library)
    return library


def _check_batch(library: Any) -> None:
    batch = library.llama_batch_init(2, 0, 1)
    empty = batch.count == 0 and not batch.embeddings
    filled = batch.tokens and batch.places and batch.sequence_counts and batch.sequences
    if not (empty and filled and batch.gives_logits):
        raise TaskFailed(
            "xllamacpp's llama.cpp lays out its batches in another way than slmworks-gguf was written for; "
            "install slmworks-gguf[run]."
        )
    library.llama_batch_free(batch)


_HANDLE, _INT = ctypes.c_void_p, ctypes.c_int32
_LONG, _SIZE = ctypes.c_int64, ctypes.c_size_t
_INTS, _FLAG = ctypes.POINTER(ctypes.c_int32), ctypes.c_bool
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "llama_backend_init": (None,),
    "llama_log_set": (None, _LISTENER, _HANDLE),
    "llama_model_default_params": (_Parameters,),
    "llama_context_default_params": (_Parameters,),
    "llama_model_load_from_file": (_HANDLE, ctypes.c_char_p, _Parameters),
    "llama_init_from_model": (_HANDLE, _HANDLE, _Parameters),
    "llama_model_free": (None, _HANDLE),
    "llama_free": (None, _HANDLE),
    "llama_set_n_threads": (None, _HANDLE, _INT, _INT),
    "llama_model_get_vocab": (_HANDLE, _HANDLE),
    "llama_vocab_n_tokens": (_INT, _HANDLE),
    "llama_vocab_get_text": (ctypes.c_char_p, _HANDLE, _INT),
    "llama_vocab_get_add_bos": (_FLAG, _HANDLE),
    "llama_vocab_get_add_eos": (_FLAG, _HANDLE),
    "llama_tokenize": (_INT, _HANDLE, ctypes.c_char_p, _INT, _INTS, _INT, _FLAG, _FLAG),
    "llama_detokenize": (_INT, _HANDLE, _INTS, _INT, ctypes.c_char_p, _INT, _FLAG, _FLAG),
    "llama_get_memory": (_HANDLE, _HANDLE),
    "llama_memory_clear": (None, _HANDLE, _FLAG),
    "llama_batch_init": (_Batch, _INT, _INT, _INT),
    "llama_batch_free": (None, _Batch),
    "llama_decode": (_INT, _HANDLE, _Batch),
    "llama_get_logits": (ctypes.POINTER(ctypes.c_float), _HANDLE),
    "ggml_quantize_chunk": (_SIZE, _INT, _HANDLE, _HANDLE, _LONG, _LONG, _LONG, _HANDLE),
    "ggml_get_name": (_HANDLE, _HANDLE),
    "ggml_get_data": (_HANDLE, _HANDLE),
    "ggml_op_desc": (ctypes.c_char_p, _HANDLE),
}
"""Call -> type of its result, types of what it is given."""
