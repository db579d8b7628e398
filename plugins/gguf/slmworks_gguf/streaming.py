"""A generator's answers piece by piece, by OpenAI's settings, in llama.cpp's server.

An answer that is cut off inside a character ends with U+FFFD as a whole, and before that token in pieces.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Piece, Settings, Slots, TooLong
from slmworks.contract.model_task import Row
from slmworks.contract.plain_text import one_line
from slmworks.model_tasks.text_generation.asking import Asked
from slmworks.model_tasks.text_generation.prompt import room
from slmworks_gguf.generator import GgufGenerator
from slmworks_gguf.gguf_header import read_header, the_file
from slmworks_gguf.gguf_metadata import context
from slmworks_gguf.llama_server import LlamaRefused

if TYPE_CHECKING:
    from slmworks.contract.artifact import Model

CONTEXT = 2048
"""Tokens of a slot where nothing else is asked for and the model reads as many."""


@dataclass(frozen=True)
class Prompt:
    """A row's token ids, and the tokens that its answer may have."""

    ids: Sequence[int]
    most: int
    settings: Settings
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the answer; None for any text."""
    asked: Asked | None = None
    """Where the prompt came from; None for one of nothing but tokens."""

    @property
    def prompt_tokens(self) -> int:
        """Their number."""
        return len(self.ids)


class GgufStreaming(GgufGenerator):
    """A GGUF runtime that generates piece by piece; a release carries the part of it that answers."""

    @classmethod
    def open_slots(cls, model: "Model", slots: Slots) -> Self:
        """Load a Model artifact to generate several answers side by side."""
        size = context_of(slots.context, context(read_header(the_file(model.path))))
        draft = slots.draft.path if slots.draft else ""
        found = cls(model.path, slots.threads, context_size=size, slots=slots.number, draft=draft)
        found.require_header(model)
        # The first token, and the first grammar, are slow.
        found.grammars.fields({"type": "object"}, found._llama)
        return found

    def prepare(self, row: Row, settings: Settings) -> Prompt:
        """A row's token ids and the room for its answer; BadRequest, TooLong for one that leaves none."""
        asked = self.asked(row)
        ids = asked.ids
        try:
            most = room(len(ids), self.context, settings.max_tokens or self.most)
        except BadRequest as error:
            raise TooLong(str(error)) if ids else error from None
        schema = json.loads(settings.schema) if settings.schema else self.in_context.json_schema(row)
        return Prompt(ids, most, settings, schema, asked)

    def stream(self, prepared: Prompt, take: Callable[[Piece], bool]) -> Generated | None:
        """Generate piece by piece, in this thread; None once `take` has given True."""
        asked = prepared.asked
        if asked is None:
            return stream(self, prepared, take)
        if asked.abstention:
            return abstained(asked, take)
        if asked.scope is None:
            found = stream(self, prepared, take)
            return found and replace(found, answer=asked.answered(found.answer, None))
        return judged(self, prepared, asked, take)


def context_of(asked: int, reads: int) -> int:
    """Tokens of a slot; BadRequest where that is more than the model reads."""
    if asked > reads:
        raise BadRequest(
            f"a context of {asked} tokens, and the model reads {reads}; ask for {reads} at most."
        )
    return asked or min(CONTEXT, reads)


def stream(generator: GgufStreaming, found: Prompt, take: Callable[[Piece], bool]) -> Generated | None:
    """Generate and hand over each piece; None once `take` has given True. BadRequest as `Grammars`."""
    pieces = _Pieces(take, generator.shown_ends)
    with generator.place(len(found.ids) + found.most) as llama:
        held = generator.grammars.fields(found.schema, llama)
        try:
            llama.stream(found.ids, {**fields(found), **held}, pieces.take)
        except LlamaRefused as error:
            raise BadRequest(f"llama.cpp refuses the request ({one_line(str(error))[:120]}).") from error
    return pieces.generated


def abstained(asked: Asked, take: Callable[[Piece], bool]) -> Generated | None:
    """Hand over the answer that isn't the model's; None where `take` gives True."""
    if take(Piece(asked.abstention)):
        return None
    return Generated(asked.abstained(), "stop", tokens=0, prompt_tokens=len(asked.ids), cached_tokens=0)


def judged(
    generator: GgufStreaming, prepared: Prompt, asked: Asked, take: Callable[[Piece], bool]
) -> Generated | None:
    """Generate with log-probabilities, which are handed over only where they were asked for."""
    settings, logprobs = prepared.settings, list[float]()

    def taken(piece: Piece) -> bool:
        logprobs.extend(float(one["logprob"]) for one in piece.logprobs)
        if settings.logprobs is not None:
            return take(piece)
        return take(Piece(piece.text)) if piece.text else False

    counted = replace(settings, logprobs=settings.logprobs or 1)
    found = stream(generator, replace(prepared, settings=counted), taken)
    return found and replace(found, answer=asked.answered(found.answer, logprobs))


def fields(prepared: Prompt) -> dict[str, Any]:
    """llama.cpp's fields for OpenAI's settings but the schema: what OpenAI's API doesn't know is off."""
    wanted = prepared.settings
    found: dict[str, Any] = {
        "max_tokens": prepared.most,
        "cache_prompt": True,
        "temperature": wanted.temperature,
        "top_p": wanted.top_p,
        "top_k": 0,
        "min_p": 0.0,
        # Before the likeliest are kept, as where these two settings come from.
        "samplers": ["penalties", "temperature", "top_p"],
        "frequency_penalty": wanted.frequency_penalty,
        "presence_penalty": wanted.presence_penalty,
        "repeat_last_n": len(prepared.ids) + prepared.most,
        "stop": list(wanted.stop),
    }
    if wanted.seed is not None:
        found["seed"] = wanted.seed % (2**32 - 1)  # the number above means: any
    if wanted.logprobs is not None:
        found["logprobs"] = max(1, wanted.logprobs)
    return found


class _Pieces:
    """llama.cpp's pieces as ours: the token that ends an answer is kept back where llama.cpp says it."""

    def __init__(self, take: Callable[[Piece], bool], ends: Sequence[str]) -> None:
        self._take, self._ends = take, ends
        self._text: list[str] = []
        self._held: Piece | None = None
        self.generated: Generated | None = None

    def take(self, found: Mapping[str, Any]) -> bool:
        """Take one of llama.cpp's pieces; True once nobody wants more."""
        (said,) = found["choices"]
        if said["finish_reason"]:
            return self._end(str(said["finish_reason"]), said, found["usage"])
        return self._hand_over() or self._next(_piece(said))

    def _next(self, piece: Piece) -> bool:
        if any(map(piece.text.endswith, self._ends)):
            self._held = piece
            return False
        return self._said(piece)

    def _hand_over(self) -> bool:
        held, self._held = self._held, None
        return held is not None and self._said(held)

    def _end(self, finish: str, said: Mapping[str, Any], usage: Mapping[str, Any]) -> bool:
        held, self._held = self._held, None
        rest = _piece(said)
        if held is not None:
            rest = Piece(held.text + rest.text, [*held.logprobs, *rest.logprobs])
        if finish == "stop":
            end = next(filter(rest.text.endswith, self._ends), "")
            rest = Piece(rest.text.removesuffix(end), rest.logprobs[:-1] if end else rest.logprobs)
        if (rest.text or rest.logprobs) and self._said(rest):
            return True
        tokens = int(usage["completion_tokens"])
        self.generated = Generated(
            answer={"text": "".join(self._text), "finish": finish, "tokens": tokens},
            finish=finish,
            tokens=tokens,
            prompt_tokens=int(usage["prompt_tokens"]),
            cached_tokens=int(usage["prompt_tokens_details"]["cached_tokens"]),
        )
        return False

    def _said(self, piece: Piece) -> bool:
        self._text.append(piece.text)
        return self._take(piece)


def _piece(said: Mapping[str, Any]) -> Piece:
    return Piece(str(said["text"]), [*map(_logprob, (said["logprobs"] or {}).get("content", ()))])


def _logprob(token: Mapping[str, Any]) -> dict[str, Any]:
    known = ("token", "bytes", "logprob")
    others = [{key: one[key] for key in known} for one in token["top_logprobs"]]
    return {**{key: token[key] for key in known}, "top_logprobs": others}
