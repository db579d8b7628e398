"""What is asked and answered over HTTP, and the OpenAPI document that says so."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, FailFast, ValidationError, model_validator
from pydantic.json_schema import models_json_schema

from slmworks.contract.documented import Documented
from slmworks.registry.release import EXAMPLE
from slmworks_serve.limits import Limits, Refused
from slmworks_serve.model import Served

WAY_OUT = 'Send {"text": "…"} or {"texts": ["…", "…"]} with content-type: application/json.'


class Question(Documented):
    """One text, or several."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": EXAMPLE}, {"texts": [EXAMPLE, "…"]}]},
    )

    text: str | None = None
    """One text to classify."""
    texts: Annotated[list[str] | None, FailFast()] = None
    """Texts to classify together."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_unknown(cls, given: Any) -> Any:
        # Before pydantic does: it would collect an error for each key, and a body has room for 100,000.
        for key in given if isinstance(given, dict) else ():
            if key not in cls.model_fields:
                raise ValueError(f"{key[:80]}: Extra inputs are not permitted")
        return given

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either 'text' or 'texts'")
        return self


class Answer(BaseModel):
    """What the model says about one text."""

    label: str
    score: float
    """Probability of the label, 0 to 1."""
    scores: dict[str, float]
    """Probability of every label; they add up to 1."""


class One(Answer):
    """The answer to `{"text": …}`, and who gave it."""

    model: str
    version: int


class Many(BaseModel):
    """The answers to `{"texts": […]}`, in order, and who gave them."""

    model: str
    version: int
    answers: list[Answer]


class Ready(BaseModel):
    """The release that answers."""

    status: str
    name: str
    version: int
    model_digest: str
    wrapper_digest: str
    labels: list[str]


class Error(BaseModel):
    """One line: what is wrong, and the way out."""

    error: str


def read(body: bytes, limits: Limits) -> Question:
    """Read a request's body; Refused with one line for the first thing that is wrong."""
    try:
        question = Question.model_validate_json(body)
    except ValidationError as error:
        raise _refused(error.errors(include_url=False, include_input=False)[0]) from None
    texts = [question.text] if question.text is not None else question.texts or []
    if len(texts) > limits.max_texts:
        raise Refused(422, f"texts: {len(texts)} texts, at most {limits.max_texts} in one request.")
    longest = max(map(len, texts), default=0)
    if longest > limits.max_characters:
        raise Refused(422, f"a text of {longest} characters; at most {limits.max_characters} are taken.")
    return question


def _refused(error: Any) -> Refused:
    if error["type"] == "json_invalid":
        return Refused(400, f"the body is not JSON ({error['ctx']['error']}). {WAY_OUT}")
    place = ".".join(str(part) for part in error["loc"])[:80]
    what = str(error["msg"]).removeprefix("Value error, ")
    return Refused(422, f"{place + ': ' if place else ''}{what}. {WAY_OUT}")


def openapi(served: Served) -> dict[str, Any]:
    """The OpenAPI document of a server of this release."""
    models = (Question, One, Many, Ready, Error)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    answers = {"oneOf": [_ref("One"), _ref("Many")]}
    errors = {
        "4XX": _reply("The question cannot be answered.", _ref("Error")),
        "5XX": _reply("Not now: too much waits (503, Retry-After), or it took too long.", _ref("Error")),
    }
    ask = {
        "summary": "Classify",
        "description": "Label one text, or many.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Question")}}},
        "responses": {"200": _reply("The answers.", answers), **errors},
    }
    status = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.name} v{served.version}",
            "version": str(served.version),
            "description": f"Text classifier, model sha256:{served.model_digest}.",
        },
        "paths": {
            "/classify": {"post": ask},
            "/health": {"get": _get("Say that the process is alive.", status)},
            "/ready": {"get": _get("Say that the model is loaded, and which one it is.", _ref("Ready"))},
            "/metrics": {"get": _get("Give Prometheus its numbers.", {"type": "string"}, "text/plain")},
        },
        "components": {"schemas": schemas["$defs"]},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _reply(what: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": what, "content": {kind: {"schema": schema}}}


def _get(what: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": what, "responses": {"200": _reply("So it is.", schema, kind)}}
