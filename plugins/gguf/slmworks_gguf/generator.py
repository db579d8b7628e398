"""A causal language model in a GGUF file, computed by llama.cpp in this process: greedy text.

This file and those that it imports stand alone: they need jinja2 and xllamacpp. A release carries a copy.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation.asking import Asked, Asking, asking_packages
from slmworks.model_tasks.text_generation.prompt import MAX_NEW_TOKENS, prompt, room
from slmworks_gguf.constrained import Grammars
from slmworks_gguf.gguf_header import read_header, the_file
from slmworks_gguf.gguf_metadata import chat, context, ends, longest_answer
from slmworks_gguf.llama_server import LlamaRefused, LlamaServer

LEAST = 512
"""Tokens that llama.cpp is opened for at first: memory grows with them, up to the model's context."""
GREEDY = {"temperature": 0.0, "cache_prompt": True}
"""The likeliest token each time; a beginning that the text before had isn't computed again."""


class GgufGenerator:
    """Answers as the torch runtime does, row by row: alone and in company the same.

    The file's own chat template, and every token that it names as an end.
    """

    packages: ClassVar[tuple[str, ...]] = ("jinja2", "xllamacpp")
    stands_alone: ClassVar[bool] = True

    def __init__(
        self,
        folder: str | Path,
        threads: int = 1,
        *,
        context_size: int = 0,
        slots: int = 1,
        draft: str | Path = "",
    ) -> None:
        """Open the folder's one file to compute with `threads` threads, `slots` answers side by side.

        `context_size`: tokens of each, prompt and answer together; 0: it grows with the texts, up to what
        the model reads, and there is one answer at a time. `draft`: the folder of a smaller model that
        guesses ahead.
        """
        file = read_header(the_file(Path(folder)))
        self.path, self.threads, self.slots = file.path, threads, slots
        self.context = context(file)
        """Tokens that the model reads and writes together."""
        self._chat = chat(file)
        self.asking = Asking.read(Path(folder), threads, refused=BadRequest)
        """What is put before a conversation."""
        self.in_context = self.asking.in_context
        """The part of it that says what an answer must look like."""
        self.most = self.in_context.max_new_tokens or longest_answer(file) or MAX_NEW_TOKENS
        """Tokens of an answer at most."""
        self.grammars = Grammars()
        self._alone = Lock()
        """One answer at a time, whatever thread asks, where the place for it may grow."""
        self._grows = not context_size
        first = context_size or min(LEAST, self.context)
        try:
            self._llama = LlamaServer(
                str(file.path),
                threads=threads,
                context=first,
                slots=slots,
                draft=str(the_file(Path(draft))) if draft else "",
            )
        except LlamaRefused as error:
            raise BadRequest(str(error)) from error
        self.ends = ends(file)
        """Tokens that end an answer."""
        told = ([one] for one in self.ends)
        self.shown_ends = tuple(filter(None, map(self._llama.detokenize, told)))
        """Texts of the ends that are no special tokens: llama.cpp says them, too."""
        if context_size:
            self.context = min(self.context, self._llama.context)

    @classmethod
    def packages_of(cls, folder: Path) -> tuple[str, ...]:
        """Distributions that one model needs: of examples and passages, too."""
        return (*cls.packages, *asking_packages(folder))

    @classmethod
    def open(cls, model: Any, *, threads: int) -> "GgufGenerator":
        """Load a Model artifact; BadRequest as `require_header`."""
        found = cls(model.path, threads)
        found.require_header(model)
        return found

    def require_header(self, model: Any) -> None:
        """BadRequest where a Model artifact's header says another length of answers than its file."""
        said = model.meta.get("max_new_tokens")
        if said not in (None, self.most):
            raise BadRequest(
                f"the model's header says max_new_tokens {said}, and its file {self.most}, which is what "
                "goes with it wherever it is copied to; export it again."
            )

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"text", "finish", "tokens"}` for each row."""
        judged = self.asking.scope is not None
        return [self._answer(*one, judged=judged)[0] for one in self._asked_and_room(rows)]

    def sure_answers(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> list[tuple[dict[str, Any], Mapping[str, float]]]:
        """What `answer` gives, and how sure each answer is by every score that the model has."""
        return [self._answer(*one, judged=True) for one in self._asked_and_room(rows)]

    def _asked_and_room(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Asked, int]]:
        """All rows are read before the first is answered."""
        asked = [self.asked(row) for row in rows]
        rooms = [room(len(one.ids), self.context, self.most) for one in asked]
        return zip(asked, rooms, strict=True)

    def _answer(self, asked: Asked, most: int, *, judged: bool) -> tuple[dict[str, Any], Mapping[str, float]]:
        """The answer, and how sure it is where that is `judged`; log-probabilities cost a little."""
        if asked.abstention:
            return asked.abstained(), asked.unsure if judged else {}
        wanted = {"logprobs": 1} if judged else {}
        found = self.complete(asked.row, asked.ids, most, **wanted)
        answer = self.answered(found)
        if not judged:
            return asked.answered(answer, None), {}
        logprobs = self._logprobs(found["choices"][0])
        return asked.answered(answer, logprobs), asked.sure(str(answer["text"]), logprobs)

    def _logprobs(self, choice: Mapping[str, Any]) -> list[float]:
        """Log-probabilities of its tokens but the end; llama.cpp has those that end a character."""
        tokens = (choice["logprobs"] or {}).get("content", [])
        if choice["finish_reason"] == "stop" and tokens and tokens[-1]["token"] in self.shown_ends:
            tokens = tokens[:-1]
        return [float(one["logprob"]) for one in tokens]

    def prompt(self, row: Mapping[str, Any]) -> str:
        """The text that is continued for a row."""
        return prompt(self.asked(row).row, *self._chat)[0]

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        """Token ids of a row's prompt."""
        return self.asked(row).ids

    def asked(self, row: Mapping[str, Any]) -> Asked:
        """A row as the model is asked it, with examples and passages."""
        return self.asking.asked(row, self._encode, self.context, self.most)

    def _encode(self, row: Mapping[str, Any]) -> list[int]:
        text, templated = prompt(row, *self._chat)
        return self._llama.tokenize(text, around=not templated)

    @contextmanager
    def place(self, window: int) -> Iterator[LlamaServer]:
        """The server with place for a text of so many tokens, as long as the context lasts."""
        if not self._grows:
            yield self._llama
            return
        with self._alone:
            self._widen(window)
            yield self._llama

    def complete(self, row: Mapping[str, Any], ids: Sequence[int], most: int, **more: Any) -> dict[str, Any]:
        """llama.cpp's greedy completion of a row's prompt, `more` of its fields asked for."""
        schema = self.in_context.json_schema(row)
        with self.place(len(ids) + most) as llama:
            held = self.grammars.fields(schema, llama)
            return llama.complete(ids, {**GREEDY, **held, "max_tokens": most, **more})

    def answered(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """A completion as an answer."""
        (said,) = found["choices"]
        text, finish = str(said["text"]), str(said["finish_reason"])
        if finish == "stop":
            text = text.removesuffix(next(filter(text.endswith, self.shown_ends), ""))
        tokens = found["usage"]["completion_tokens"]
        return {"text": text, "finish": finish, "tokens": tokens}

    def _widen(self, window: int) -> None:
        """Make place for so many tokens: twice as many each time, up to the context."""
        size = self._llama.context
        while size < window:
            size = min(2 * size, self.context)
        if size > self._llama.context:
            self._llama.widen(size)
