"""Bodies of `POST /v1/chat/completions` and `/v1/completions`, in the form of OpenAI's API.

A field that is not here, or another value of one that can only have one, is refused by its name.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field
from pydantic_core import PydanticCustomError

from slmworks.contract.documented import Documented


def _of(kind: type) -> BeforeValidator:
    """Refuses a value of another type: to Python 0 is False, and True is 1."""

    def check(given: Any) -> Any:
        if type(given) is not kind:
            raise PydanticCustomError("literal_error", "Input should be the default")
        return given

    return BeforeValidator(check)


NO = Annotated[Literal[False], _of(bool)] | None
"""A field that nothing but its default is taken of."""
MOST_CHOICES = 16
SEED = 2**63
_FORBID = ConfigDict(extra="forbid", protected_namespaces=(), strict=True)
"""Nothing unknown, and no 0 where false is meant."""

Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Stop = Annotated[str, Field(min_length=1)]


class Part(Documented):
    """A part of a message; text only."""

    model_config = _FORBID

    type: Literal["text"]
    text: str


class FunctionCall(Documented):
    """The function that an earlier answer called."""

    model_config = _FORBID

    name: str
    arguments: str
    """A JSON object, as text."""


class ToolCall(Documented):
    """A call in an earlier answer."""

    model_config = _FORBID

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Documented):
    """One turn of the conversation."""

    model_config = _FORBID

    role: Literal["system", "developer", "user", "assistant", "tool"]
    """`developer` is `system`."""
    content: str | list[Part] | None = None
    """The text, or parts of it."""
    tool_calls: list[ToolCall] | None = None
    """Of the assistant's earlier answers."""
    tool_call_id: str | None = None
    """Of a tool's result: the call that it belongs to."""
    refusal: None = None
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None
    audio: None = None
    function_call: None = None


class Function(Documented):
    """A function that the model may call; all of it is shown to the model, as its chat template does."""

    model_config = ConfigDict(extra="allow")

    name: str
    """Its name."""


class Tool(Documented):
    """A tool: a function."""

    model_config = _FORBID

    type: Literal["function"]
    function: Function


class JsonSchema(Documented):
    """The JSON Schema of an answer."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), populate_by_name=True, strict=True)

    name: str = ""
    """Without effect."""
    description: str | None = None
    """Without effect: the model sees the messages only."""
    schema_: dict[str, Any] = Field(alias="schema")
    """JSON Schema."""
    strict: bool | None = None
    """Without effect: it is always kept to."""


class ResponseFormat(Documented):
    """The form of the answer."""

    model_config = _FORBID

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None
    """For `json_schema`."""


class StreamOptions(Documented):
    """What a stream says beside the text."""

    model_config = _FORBID

    include_usage: bool | None = None
    """A last event with the number of tokens."""
    include_obfuscation: NO = None
    """Not supported."""


class Sampling(Documented):
    """What both routes take. Null is the default of every field."""

    model_config = _FORBID

    model: str = ""
    """The name of the served model; another one is refused. May be left out."""
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    """Answers to one prompt. Without a temperature they are equal."""
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    """Default: 0, the likeliest token each time, as the model was measured."""
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    """The share of probability that tokens are drawn from."""
    seed: Annotated[int, Field(ge=-SEED, lt=SEED)] | None = None
    """The same answer for the same seed; choice `i` has `seed + i`."""
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    """Texts that end an answer, 4 at most."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens of an answer; default: as the model's header says. It ends where the context is full."""
    frequency_penalty: Penalty | None = None
    """For each time that a token was there, in the prompt too."""
    presence_penalty: Penalty | None = None
    """For a token that was there, in the prompt too."""
    stream: bool | None = None
    """Events as the text is generated, `data: [DONE]` at last."""
    stream_options: StreamOptions | None = None
    """For a stream only."""
    response_format: ResponseFormat | None = None
    """JSON, or JSON that follows a schema; it is compact, and generation can do nothing else."""
    user: str | None = None
    """Without effect."""
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    """Not supported."""


class ChatRequest(Sampling):
    """A conversation to answer."""

    messages: Annotated[list[Message], FailFast()]
    """`system` first, if at all; `user`, `assistant` and `tool` in turn; the last one of `user` or `tool`."""
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """Another name of `max_tokens`."""
    logprobs: bool | None = None
    """The log-probability of each token."""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """Likeliest tokens at each place; with `logprobs` only."""
    tools: list[Tool] | None = None
    """Functions that the model may call, if its template and its training know of them."""
    tool_choice: Literal["auto", "none"] | None = None
    """`none` hides the tools from the model."""
    parallel_tool_calls: Annotated[Literal[True], _of(bool)] | None = None
    """An answer may hold several calls."""
    modalities: list[Literal["text"]] | None = None
    """Text only."""
    store: NO = None
    """Nothing is stored."""


class CompletionRequest(Sampling):
    """A text to go on with, without a chat template."""

    prompt: str | list[str]
    """A text, or several."""
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    """The log-probability of each token, and of so many likeliest ones."""
    echo: NO = None
    """Not supported."""
    best_of: Annotated[Literal[1], _of(int)] | None = None
    """Not supported."""
    suffix: Literal[""] | None = None
    """Not supported."""


class _Reply(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    id: str
    object: str
    created: int
    model: str
    version: int
    system_fingerprint: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]


class ChatReply(_Reply):
    """An answer, or `n` of them: `message`, `finish_reason` (`stop`, `length`, `tool_calls`), `logprobs`.

    `passages` (id, score, cosine), too, where the model is asked with some.
    """


class CompletionReply(_Reply):
    """The texts that follow: `text`, `finish_reason` (`stop`, `length`), `logprobs`, `passages`."""
