"""Generation piece by piece: what is asked of a runtime, what it gives, and APIs that ask in their own form.

The numbers' names and ranges are those of OpenAI's API, which other servers and clients share.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Row

if TYPE_CHECKING:
    from slmworks.contract.artifact import Model


@dataclass(frozen=True)
class Slots:
    """What a runtime is opened with to generate several answers side by side."""

    number: int
    """Answers at a time."""
    context: int = 0
    """Tokens of each, prompt and answer together; 0: as the runtime thinks fit."""
    threads: int = 1
    """Threads that compute all of them."""
    draft: "Model | None" = None
    """A smaller model that guesses tokens ahead; only for a runtime that is `Drafting`."""


@dataclass(frozen=True)
class Settings:
    """How one answer is generated. The default is the likeliest token each time, as evaluation has it."""

    max_tokens: int | None = None
    """Tokens at most; None: as many as the model's header says."""
    temperature: float = 0.0
    """0: the likeliest token; else the logits are divided by it before one is drawn."""
    top_p: float = 1.0
    """The share of probability, likeliest tokens first, that is drawn from (Holtzman et al., 2020)."""
    seed: int | None = None
    """None: another draw each time."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer, and are not part of it."""
    frequency_penalty: float = 0.0
    """Taken off a token's logit for each time it was there."""
    presence_penalty: float = 0.0
    """Taken off a token's logit once, if it was there."""
    logprobs: int | None = None
    """The log-probability of each token, and of so many alternatives; None: of none."""
    schema: str = ""
    """JSON Schema, as text, that the answer follows; empty for free text."""


@dataclass(frozen=True)
class Piece:
    """Some text of an answer, as it is generated."""

    text: str
    logprobs: Sequence[Mapping[str, Any]] = ()
    """Of each token: `token`, `bytes`, `logprob`, and as many as `top_logprobs`."""


@dataclass(frozen=True)
class By:
    """Who answers."""

    model: str
    version: int
    fingerprint: str
    """The beginning of the model's digest; of another's server whatever it says of itself."""


@dataclass(frozen=True)
class Generated:
    """A generation that has ended."""

    answer: Answer
    """The same as the runtime's `answer` gives."""
    finish: str
    """`stop`: the model ended it, or a text of `stop` did. `length`: it was cut off."""
    tokens: int
    """Tokens that were generated, with the one that ends the answer."""
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt's tokens those that did not have to be computed again."""
    by: By | None = None
    """Who says it has answered, of a model that somebody else computes."""
    seconds: float = 0.0
    """From the request to its whole reply, of such a model; 0 of another."""


class TooLong(BadRequest):
    """A prompt that leaves no room for an answer in the context."""


class Prepared(Protocol):
    """A row that a runtime has read: nothing can be wrong with its size any more."""

    prompt_tokens: int


class Replying(Protocol):
    """The reply to one request, made while its choices are generated; `place` is the number of the choice."""

    def piece(self, place: int, piece: Piece) -> Iterable[Mapping[str, Any]]:
        """Take a piece; the events of a stream that follow from it."""

    def ended(self, place: int, generated: Generated) -> Iterable[Mapping[str, Any]]:
        """Take the end of a choice; the events of a stream that follow from it."""

    def last(self) -> Iterable[Mapping[str, Any]]:
        """The events that end a stream, once all choices have ended."""

    def whole(self) -> Mapping[str, Any]:
        """The reply in one piece, once all choices have ended."""


@dataclass(frozen=True)
class Wanted:
    """One request: its choices, and how its reply is made."""

    choices: Sequence[tuple[Row, Settings]]
    stream: bool
    model: str
    """The model that is asked for; empty for whichever there is."""
    reply: Callable[[By], Replying]


class Unsupported(Exception):
    """A request that is not answered as it is: one line, the field to blame, and the API's word for it."""

    def __init__(self, line: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(line)
        self.line, self.param, self.code = line, param, code


@dataclass(frozen=True)
class GenerativeDialect:
    """A route for generators, in the form of an API that people know."""

    route: str
    """Path without the leading slash: `v1/completions`."""
    summary: str
    request: type[BaseModel]
    """The body."""
    wanted: Callable[[Any], Wanted]
    """From a validated body to what is generated; Unsupported for what is refused."""
    answers: type[BaseModel]
    """The reply in one piece."""
    example: Mapping[str, Any]
    """A body."""


class Continuation(NamedTuple):
    """How likely a model finds a text behind another, whatever comes after it."""

    nll: float
    """Negative log-likelihood, in nats."""
    greedy: bool
    """True if each of its tokens is the likeliest one."""


@runtime_checkable
class Continuing(Protocol):
    """A runtime that says how likely its model finds a text behind a prompt, without the end of an answer."""

    def continued(self, rows: Sequence[Row]) -> list[Continuation]:
        """Of each row's `completion` behind its `messages`."""
