"""A causal language model in a GGUF file, computed by llama.cpp in this process: greedy text."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation import prompt

if TYPE_CHECKING:
    from slmworks_gguf.gguf_file import GgufFile

LEAST = 512
"""Tokens that llama.cpp is opened for at first: memory grows with them, up to the model's context."""
GREEDY = {"temperature": 0.0, "cache_prompt": True}
"""The likeliest token each time; a beginning that the text before had isn't computed again."""


class GgufGenerator:
    """Answers as the torch runtime does, row by row: alone and in company the same.

    The file's own chat template, and every token that it names as an end.
    """

    packages: ClassVar[tuple[str, ...]] = ("gguf", "jinja2", "transformers", "xllamacpp")
    stands_alone: ClassVar[bool] = False

    def __init__(self, model: Model, threads: int) -> None:
        """Open the file to compute with `threads` threads."""
        from slmworks_gguf import facts, gguf_file, vocabulary
        from slmworks_gguf.llama_server import LlamaRefused, LlamaServer

        self.file = gguf_file.read(gguf_file.the_file(model.path))
        self.context = facts.context(self.file)
        """Tokens that the model reads and writes together."""
        self.most = int(model.meta.get("max_new_tokens", prompt.MAX_NEW_TOKENS))
        """Tokens of an answer at most."""
        self._chat = (vocabulary.templates(self.file), _special(self.file))
        self._alone = Lock()
        """One answer at a time, whatever thread asks: they share keys and values."""
        try:
            self._llama = LlamaServer(str(self.file.path), threads=threads, context=min(LEAST, self.context))
        except LlamaRefused as error:
            raise BadRequest(str(error)) from error
        ends = ([one] for one in vocabulary.ends(self.file))
        self._shown_ends = tuple(filter(None, map(self._llama.detokenize, ends)))
        """Texts of the ends that are no special tokens: llama.cpp says them, too."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "GgufGenerator":
        """Load a Model artifact."""
        return cls(model, threads)

    def answer(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Answer `{"text", "finish", "tokens"}` for each row."""
        prompts = [self.encode(row) for row in rows]
        rooms = [prompt.room(len(ids), self.context, self.most) for ids in prompts]
        return [self._answer(ids, room) for ids, room in zip(prompts, rooms, strict=True)]

    def prompt(self, row: Row) -> str:
        """The text that is continued for a row."""
        return prompt.prompt(row, *self._chat)[0]

    def encode(self, row: Row) -> list[int]:
        """Token ids of a row's prompt."""
        text, templated = prompt.prompt(row, *self._chat)
        return self._llama.tokenize(text, around=not templated)

    def _answer(self, ids: Sequence[int], most: int) -> dict[str, Any]:
        with self._alone:
            self._widen(len(ids) + most)
            found = self._llama.complete(ids, {**GREEDY, "max_tokens": most})
        (said,) = found["choices"]
        text, finish = str(said["text"]), str(said["finish_reason"])
        if finish == "stop":
            text = text.removesuffix(next(filter(text.endswith, self._shown_ends), ""))
        return {"text": text, "finish": finish, "tokens": found["usage"]["completion_tokens"]}

    def _widen(self, window: int) -> None:
        """Make place for so many tokens: twice as many each time, up to the context."""
        size = self._llama.context
        while size < window:
            size = min(2 * size, self.context)
        if size > self._llama.context:
            self._llama.widen(size)


def _special(file: "GgufFile") -> Mapping[str, str]:
    """`bos_token`, … -> token, of those that the file names."""
    from slmworks_gguf import vocabulary

    tokens = file.metadata["tokenizer.ggml.tokens"]
    return {f"{role}_token": str(tokens[number]) for role, number in vocabulary.special(file).items()}
