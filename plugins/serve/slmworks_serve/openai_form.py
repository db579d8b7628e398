"""What routes of OpenAI's API say in its form: errors, events of a stream, the list of models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from slmworks.contract.generation import GenerativeDialect, Unsupported, Wanted
from slmworks_serve import replies
from slmworks_serve.generations import Choice
from slmworks_serve.limits import Limits, Refused
from slmworks_serve.messages import within
from slmworks_serve.model import Loaded
from slmworks_serve.replies import Reply

DONE = b"data: [DONE]\n\n"
BLAMED = {408: "timeout", 504: "timeout", 500: "server_error", 503: "server_error"}
"""Status -> type of an error; others are `invalid_request_error`."""
NOT_SUPPORTED = "{} is not supported; leave it out."


class ErrorBody(BaseModel):
    """What went wrong, in one line."""

    message: str
    type: str
    param: str | None
    """The field to blame."""
    code: str | None


class OpenAIError(BaseModel):
    """An error, in the form of OpenAI's API."""

    error: ErrorBody


class ModelEntry(BaseModel):
    """A model that is served."""

    model_config = ConfigDict(protected_namespaces=())

    id: str
    object: str
    created: int
    owned_by: str
    version: int
    context: int
    """Tokens of a prompt and its answer together."""


class ModelList(BaseModel):
    """The models that are served: one."""

    object: str
    data: list[ModelEntry]


def error(refused: Refused) -> dict[str, Any]:
    """A refusal as OpenAI's error object."""
    kind = BLAMED.get(refused.status, "invalid_request_error")
    return {"error": {"message": refused.line, "type": kind, "param": refused.param, "code": refused.code}}


def refusal(refused: Refused) -> Reply:
    """The reply to a request that is refused, in OpenAI's form."""
    status, _, headers = replies.refusal(refused)
    return status, to_json(error(refused)), headers


def event(said: Mapping[str, Any]) -> bytes:
    """An event of a stream."""
    return b"data: " + to_json(said) + b"\n\n"


def read(dialect: GenerativeDialect, body: bytes, limits: Limits) -> Wanted:
    """Read a request's body; Refused (400) with one line for the first thing that is wrong."""
    try:
        wanted: Wanted = dialect.wanted(dialect.request.model_validate_json(body))
    except ValidationError as found:
        raise _refused(found) from None
    except Unsupported as refused:
        raise Refused(400, refused.line, param=refused.param, code=refused.code) from None
    try:
        within(limits, [row for row, _ in wanted.choices], "prompt")
    except Refused as refused:
        raise Refused(400, refused.line) from None
    return wanted


def given(wanted: Wanted, model: Loaded, limits: Limits) -> list[Choice]:
    """The choices of a request, none longer than is given.

    Refused for another model than the one that is served, and for more or longer answers than are given.
    """
    name = model.served.name
    if wanted.model not in ("", name):
        raise unknown_model(wanted.model, name)
    most = max(settings.max_tokens or 0 for _, settings in wanted.choices)
    if len(wanted.choices) > limits.max_generations:
        line = (
            f"{len(wanted.choices)} answers are asked for; {limits.max_generations} are generated at a time."
        )
        raise Refused(400, line, param="n")
    if limits.max_tokens is None or model.streaming is None:
        return list(wanted.choices)
    if most > limits.max_tokens:
        line = f"an answer of {most} tokens is asked for; {limits.max_tokens} are given at most."
        raise Refused(400, line, param="max_tokens")
    usual = min(limits.max_tokens, model.streaming.most)
    return [
        (row, replace(settings, max_tokens=settings.max_tokens or usual)) for row, settings in wanted.choices
    ]


def unknown_model(asked: str, served: str) -> Refused:
    """The refusal of a model that is not the served one."""
    line = f"the model {asked[:80]!r} is not served here; '{served}' is."
    return Refused(404, line, param="model", code="model_not_found")


def entry(model: Loaded, created: int) -> dict[str, Any]:
    """A model in the list of models."""
    return {
        "id": model.served.name,
        "object": "model",
        "created": created,
        "owned_by": "slmworks",
        "version": model.served.version,
        "context": model.streaming.context if model.streaming else 0,
    }


def _refused(found: ValidationError) -> Refused:
    """The first of the deepest errors: of the kinds that a value may have, the one that was meant."""
    errors: list[Any] = found.errors(include_url=False, include_input=False)
    first = max(errors, key=lambda one: len(one["loc"]))
    if first["type"] == "json_invalid":
        return Refused(400, f"the body is not JSON ({first['ctx']['error']}); send a JSON object.")
    # Not the names that pydantic gives to the kinds of a value: list[Part], function-wrap[…].
    places = [str(one) for one in first["loc"] if isinstance(one, int) or str(one).isidentifier()]
    places = [one for one in places if one not in ("str", "Literal")]
    place = ".".join(places)[:80]
    param = places[0] if places else None
    if first["type"] == "extra_forbidden":
        return Refused(400, NOT_SUPPORTED.format(place), param=param, code="unsupported_parameter")
    if first["type"] in ("literal_error", "none_required", "too_long"):
        what = f"this value is not supported ({_lower(first['msg'])})"
        return Refused(400, f"{place}: {what}; leave it out.", param=param, code="unsupported_value")
    return Refused(400, f"{place + ': ' if place else ''}{first['msg']}.", param=param)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
