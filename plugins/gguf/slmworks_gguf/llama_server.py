"""llama.cpp's own server in this process: continuations of token ids, as whole answers or piece by piece.

The one engine behind evaluation, server, release and edge bundle, so that all of them give the same text. It
listens on 127.0.0.1 as well, which can't be turned off: behind a key that nobody else knows.

Keys and values of attention are float32 and flash attention is off, as in `llama_cpp`, whose
log-probabilities are measured. Nothing here needs slmworks.
"""

import json
import secrets
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

SMALLEST = 256
"""Tokens of a slot that llama.cpp rounds up to."""

GUESSED = 4
"""Tokens that a draft guesses at most before they are computed together."""
SURE = 0.5
"""A guess that the draft itself finds less likely ends its guessing."""

Settings = Mapping[str, Any]
"""llama.cpp's fields of a completion: `max_tokens`, `temperature`, `seed`, `stop`, `grammar`, …"""


class LlamaRefused(ValueError):
    """llama.cpp takes a file or a request not; says why."""


class LlamaServer:
    """A loaded GGUF file that continues up to `slots` texts side by side; any thread may ask.

    Its file may be gone afterwards: it stays open.
    """

    def __init__(
        self, path: str, *, threads: int, context: int = 512, slots: int = 1, draft: str = ""
    ) -> None:
        """Load a file for `context` tokens a slot, prompt and answer together. LlamaRefused if it can't.

        `draft`: the file of a smaller model with the same tokens, which guesses tokens that this one then
        computes in one batch, and keeps as far as they are its own (Leviathan et al., 2023).
        """
        self._file = Path(path).open("rb")  # noqa: SIM115 - as long as this object
        self._draft = Path(draft).open("rb") if draft else None  # noqa: SIM115 - the same
        self._path, self._threads, self.slots = path, threads, slots
        self._key = secrets.token_hex(16)
        self._server: Any = None
        self.context = 0
        """Tokens that one text may have here, with its continuation."""
        self.widen(context)

    def widen(self, context: int) -> None:
        """Load the file again, for `context` tokens a slot. Nobody may be waiting for an answer."""
        import xllamacpp

        self._server = None  # its memory first
        self.context = -(-context // SMALLEST) * SMALLEST
        parameters = xllamacpp.CommonParams()
        # As it was opened, whatever became of its name.
        parameters.model.path = f"/dev/fd/{self._file.fileno()}"
        parameters.model_alias = {"model"}  # a set of names
        parameters.n_ctx, parameters.n_parallel = self.context * self.slots, self.slots
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = self._threads
        parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.api_keys, parameters.ui, parameters.verbosity = [self._key], False, -1
        parameters.warmup = False
        # By default it keeps keys and values of every prompt that lost its slot, up to 8 GiB of them.
        parameters.cache_ram_mib = 0
        if self._draft:
            self._guess(parameters, f"/dev/fd/{self._draft.fileno()}")
        try:
            self._server = xllamacpp.Server(parameters)
        except RuntimeError as error:
            what = f"it, or its draft {self._draft.name}," if self._draft else "it"
            raise LlamaRefused(
                f"{self._path}: llama.cpp doesn't load it for {self.slots} texts of {self.context} tokens; "
                f"{what} is cut short, of a kind that this version doesn't know, or too large for the memory."
            ) from error
        # One that is dropped before its loop has begun is waited for without end (xllamacpp 2026.10.11549).
        self._get("/slots")

    def _guess(self, parameters: Any, path: str) -> None:
        """Let the model in a file guess tokens."""
        import xllamacpp

        parameters.speculative.types = [
            xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE
        ]
        draft = parameters.speculative.draft
        draft.mparams.path, draft.n_max, draft.p_min = path, GUESSED, SURE
        draft.cache_type_k = draft.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        draft.cpuparams.n_threads = draft.cpuparams_batch.n_threads = self._threads

    @property
    def busy(self) -> int:
        """Slots that are computing now."""
        return sum(bool(slot["is_processing"]) for slot in self._get("/slots"))

    def tokenize(self, text: str, *, around: bool) -> list[int]:
        """Token ids of a text; special tokens in the text are taken as such.

        `around`: with the tokens that come before and behind a text by themselves.
        """
        asked = {"content": text, "add_special": around, "parse_special": True}
        return [int(one) for one in self._get("/tokenize", asked)["tokens"]]

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special ones; bytes that are no UTF-8 become U+FFFD."""
        return str(self._get("/detokenize", {"tokens": list(ids)})["content"])

    def complete(self, prompt: Sequence[int], settings: Settings) -> dict[str, Any]:
        """Continue token ids; an OpenAI-style completion (`choices`, `usage`) with llama.cpp's `timings`.

        LlamaRefused with llama.cpp's reason.
        """
        return _sound(self._server.handle_completions({**settings, "prompt": list(prompt)}))

    def stream(
        self, prompt: Sequence[int], settings: Settings, take: Callable[[dict[str, Any]], bool]
    ) -> None:
        """Continue token ids and hand over each piece as it is made, in this thread; the last has `usage`.

        `take` gives True once nobody wants more: then its slot is free at once. LlamaRefused as `complete`.
        """
        refused: list[dict[str, Any]] = []

        def took(piece: dict[str, Any]) -> bool:
            if "error" in piece:
                refused.append(piece)
                return True
            return take(piece)

        asked = {
            **settings,
            "prompt": list(prompt),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        self._server.handle_completions(asked, took)
        if refused:
            _sound(refused[0])

    def _get(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        asked = urllib.request.Request(self._server.listening_address + path, data, headers)  # noqa: S310
        with _DIRECT.open(asked) as reply:
            return json.load(reply)


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine, whatever proxy the environment names."""


def _sound(found: dict[str, Any]) -> dict[str, Any]:
    if "error" in found:
        raise LlamaRefused(str(found["error"].get("message", found["error"])))
    return found
