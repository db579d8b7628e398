"""Replies in the form of OpenAI's API: in one piece, or as the events of a stream."""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from slmworks.contract.generation import By, Generated, Piece
from slmworks.model_tasks.text_generation import openai_tools


class _Replying(ABC):
    """What both routes' replies have in common: who answers, the choices, the number of tokens."""

    prefix: ClassVar[str]
    whole_object: ClassVar[str]
    event_object: ClassVar[str]

    def __init__(self, by: By, *, top: int | None, usage: bool, choices: int) -> None:
        """`top`: alternatives of each token, None for no log-probabilities; `usage`: a stream counts tokens.

        `choices`: a prompt's choices, which read it together.
        """
        self._top, self._usage, self._choices = top, usage, choices
        self._who = {
            "id": f"{self.prefix}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": by.model,
            "version": by.version,
            "system_fingerprint": by.fingerprint,
        }
        self._logprobs: dict[int, list[Mapping[str, Any]]] = {}
        self._ended: dict[int, Generated] = {}

    def last(self) -> Iterator[Mapping[str, Any]]:
        """The event with the number of tokens, if it is wanted."""
        if self._usage:
            yield {**self._head(self.event_object), "choices": [], "usage": self.usage()}

    def whole(self) -> Mapping[str, Any]:
        """The reply in one piece."""
        choices = [self._choice(place, self._ended[place]) for place in sorted(self._ended)]
        return {**self._head(self.whole_object), "choices": choices, "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        """Tokens of all choices; a prompt counts once, however many choices it has."""
        firsts = [one for place, one in self._ended.items() if place % self._choices == 0]
        read, made = sum(one.prompt_tokens for one in firsts), sum(one.tokens for one in self._ended.values())
        return {
            "prompt_tokens": read,
            "completion_tokens": made,
            "total_tokens": read + made,
            "prompt_tokens_details": {"cached_tokens": sum(one.cached_tokens for one in firsts)},
        }

    @abstractmethod
    def _choice(self, place: int, generated: Generated) -> Mapping[str, Any]:
        """One choice of the whole reply."""

    def _head(self, kind: str) -> dict[str, Any]:
        return {**self._who, "object": kind}

    def _event(self, place: int, finish: str | None = None, **said: Any) -> Mapping[str, Any]:
        choice = {"index": place, **said, "finish_reason": finish}
        usage = {"usage": None} if self._usage else {}
        return {**self._head(self.event_object), "choices": [choice], **usage}

    def _cut(self, tokens: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Tokens with as many alternatives as are wanted."""
        return [{**one, "top_logprobs": one["top_logprobs"][: self._top]} for one in tokens]


class ChatReplying(_Replying):
    """The reply to a chat."""

    prefix, whole_object, event_object = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, by: By, *, tools: Sequence[str], top: int | None, usage: bool, choices: int) -> None:
        """`tools`: names of the functions that an answer may call."""
        super().__init__(by, top=top, usage=usage, choices=choices)
        self._tools = tools
        self._split: dict[int, openai_tools.Split] = {}

    def piece(self, place: int, piece: Piece) -> Iterator[Mapping[str, Any]]:
        """The text that is surely no call."""
        if place not in self._split:
            self._split[place] = openai_tools.Split(self._tools)
            yield self._event(place, delta={"role": "assistant", "content": ""}, logprobs=None)
        self._logprobs.setdefault(place, []).extend(piece.logprobs)
        text = self._split[place].take(piece.text)
        if text or piece.logprobs:
            yield self._event(place, delta={"content": text}, logprobs=self._said(piece.logprobs))

    def ended(self, place: int, generated: Generated) -> Iterator[Mapping[str, Any]]:
        """What was kept back, as calls or as text, and the reason of the end."""
        self._ended[place] = generated
        if place not in self._split:
            yield from self.piece(place, Piece(""))
        rest, calls = self._split[place].rest()
        if rest:
            yield self._event(place, delta={"content": rest}, logprobs=None)
        if calls:
            numbered = [{"index": number, **call} for number, call in enumerate(calls)]
            yield self._event(place, delta={"tool_calls": numbered}, logprobs=None)
        finish = "tool_calls" if calls else generated.finish
        yield self._event(place, finish, delta={}, logprobs=None, **_sources(generated))

    def _choice(self, place: int, generated: Generated) -> Mapping[str, Any]:
        text, calls = openai_tools.split(str(generated.answer["text"]), self._tools)
        message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
        if calls:
            message["tool_calls"] = calls
        return {
            "index": place,
            "message": {**message, "refusal": None},
            "logprobs": self._said(self._logprobs.get(place, [])),
            "finish_reason": "tool_calls" if calls else generated.finish,
            **_sources(generated),
        }

    def _said(self, tokens: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        return None if self._top is None else {"content": self._cut(tokens), "refusal": None}


class CompletionReplying(_Replying):
    """The reply to a completion."""

    prefix, whole_object, event_object = "cmpl", "text_completion", "text_completion"

    def __init__(self, by: By, *, top: int | None, usage: bool, choices: int) -> None:
        super().__init__(by, top=top, usage=usage, choices=choices)
        self._length: dict[int, int] = {}
        """Characters so far, by place."""

    def piece(self, place: int, piece: Piece) -> Iterator[Mapping[str, Any]]:
        """The text."""
        self._logprobs.setdefault(place, []).extend(piece.logprobs)
        begin = self._length.get(place, 0)
        self._length[place] = begin + len(piece.text)
        yield self._event(place, text=piece.text, logprobs=self._said(piece.logprobs, begin))

    def ended(self, place: int, generated: Generated) -> Iterator[Mapping[str, Any]]:
        """The reason of the end."""
        self._ended[place] = generated
        yield self._event(place, generated.finish, text="", logprobs=None, **_sources(generated))

    def _choice(self, place: int, generated: Generated) -> Mapping[str, Any]:
        return {
            "index": place,
            "text": generated.answer["text"],
            "logprobs": self._said(self._logprobs.get(place, []), 0),
            "finish_reason": generated.finish,
            **_sources(generated),
        }

    def _said(self, tokens: Sequence[Mapping[str, Any]], begin: int) -> Mapping[str, Any] | None:
        """Log-probabilities in the older form; offsets in characters of the answer, from `begin`."""
        if self._top is None:
            return None
        cut, offsets = self._cut(tokens), []
        for one in cut:
            offsets.append(begin)
            begin += len(one["token"])
        return {
            "tokens": [one["token"] for one in cut],
            "token_logprobs": [one["logprob"] for one in cut],
            "top_logprobs": [{top["token"]: top["logprob"] for top in one["top_logprobs"]} for one in cut],
            "text_offset": offsets,
        }


def _sources(generated: Generated) -> dict[str, Any]:
    """What OpenAI's API doesn't know of a choice: `passages`, and whether the question was in scope."""
    known = ("passages", "in_scope", "scope_score")
    return {name: generated.answer[name] for name in known if name in generated.answer}
