"""The OpenAPI document of a server: every route, from the model task of the release it serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, create_model

from slmworks.contract.generation import GenerativeDialect
from slmworks.contract.model_task import Dialect, ModelTask, type_of
from slmworks.contract.runtime import TRUNCATED
from slmworks.contract.scope import response_of
from slmworks_serve import openai_form
from slmworks_serve.limits import Limits
from slmworks_serve.messages import RowsReader
from slmworks_serve.model import Loaded


class Error(BaseModel):
    """One line: the problem, and the way out."""

    error: str


@dataclass(frozen=True)
class Shown:
    """What a server says of itself to those who ask it."""

    release: bool = True
    """Digests and metrics; False where these have a port of their own."""
    tokens: bool = False
    """It asks for a token."""


ALL = Shown()

_NOT_NOW = "Not now: too much waits (503, Retry-After), or it took too long."
_CUT = "Whether the text is longer than the model reads: then the answer is about its beginning."


def openapi(model: Loaded, limits: Limits, prefix: str = "", shown: Shown = ALL) -> dict[str, Any]:
    """The OpenAPI document of a server of this release, that is shown under the path `prefix`."""
    served, task, question = model.served, model.task, RowsReader(model.task)
    refs, components = _schemas(model, question, limits, shown)
    answers = {"oneOf": [refs["one"], refs["many"]]}
    row = model.example or task.input_sample()
    asked = {
        "schema": refs["question"],
        "examples": {
            "one": {"value": question.example(row)},
            "several": {"value": question.examples(row)},
        },
    }
    status = {"type": "object", "additionalProperties": {"type": "string"}}
    digest = f", model sha256:{served.model_digest}" if shown.release else ""
    numbers = _get("Give Prometheus its numbers.", {"type": "string"}, "text/plain")
    alive = _get("Say that the process is alive.", status)
    ready = _get("Say whether the model is loaded, and which one it is.", refs["ready"])
    ready["responses"]["503"] = _reply("It is stopping, or was taken out of service.", refs["ready"])
    about = f"{task.verb} one {question.one}, or many."
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.name} v{served.version}",
            "version": str(served.version),
            "description": f"{title(task.name)}{digest}.",
        },
        "servers": [{"url": prefix or "/"}],
        "paths": {
            f"/{task.route}": {"post": _post(task.verb, about, asked, answers, refs["error"])},
            **_dialects(model, refs),
            "/health": {"get": {**alive, **_open(shown)}},
            "/ready": {"get": {**ready, **_open(shown)}},
            **({"/metrics": {"get": numbers}} if shown.release else {}),
        },
        "components": components | _schemes(shown),
        **({"security": [{"token": []}]} if shown.tokens else {}),
    }


def _open(shown: Shown) -> dict[str, Any]:
    """What an operation says that needs no token."""
    return {"security": [{}, {"token": []}]} if shown.tokens else {}


def _schemes(shown: Shown) -> dict[str, Any]:
    return {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if shown.tokens else {}


def title(name: str) -> str:
    """A model task's name for people: `Text classification`."""
    return name.replace("-", " ").capitalize()


def _schemas(
    model: Loaded, question: RowsReader, limits: Limits, shown: Shown
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """A reference to the schema of each body, and the components that they refer to."""
    who: dict[str, Any] = {"model": (str, ...), "version": (int, ...)}
    response = response_of(model.task.response, model.shared)
    if model.says_truncated:
        cut: Any = (bool, Field(description=_CUT))
        response = create_model(
            response.__name__, __base__=response, __doc__=response.__doc__, **{TRUNCATED: cut}
        )
    known = {**vars(model.served), "model_task": "", **model.shared} if shown.release else {}
    release: dict[str, Any] = {
        name: (type_of(value) | None, None) if shown.tokens else (type_of(value), ...)
        for name, value in known.items()
    }
    bodies: dict[str, TypeAdapter[Any]] = {
        "question": question.adapter,
        "one": TypeAdapter(
            create_model("One", __base__=response, __doc__="The answer to one row, and who gave it.", **who)
        ),
        "many": TypeAdapter(
            create_model(
                "Many",
                __doc__="The answers to several rows, in order, and who gave them.",
                **who,
                answers=(list[response], ...),
            )
        ),
        "ready": TypeAdapter(
            create_model(
                "Ready",
                __doc__="The release that answers.",
                status=(str, ...),
                **release,
            )
        ),
        "error": TypeAdapter(Error),
        **{f"/{one.route}": TypeAdapter(one.request) for one in dialects_of(model)},
        **(_openai_bodies(model.task) if model.streaming else {}),
    }
    found, schemas = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in bodies.items()],
        ref_template="#/components/schemas/{model}",
    )
    refs = {str(name): schema for (name, _), schema in found.items()}
    components = schemas["$defs"]
    question.narrow(components[_name(refs["question"])], limits)
    return refs, {"schemas": components}


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def dialects_of(model: Loaded) -> Sequence[Dialect | GenerativeDialect]:
    """The routes in the form of other APIs: a generator has its own."""
    return model.task.generative_dialects if model.streaming else model.task.dialects


def _openai_bodies(task: ModelTask) -> dict[str, TypeAdapter[Any]]:
    return {
        "openai error": TypeAdapter(openai_form.OpenAIError),
        "model": TypeAdapter(openai_form.ModelEntry),
        "models": TypeAdapter(openai_form.ModelList),
        **{f"/{one.route} reply": TypeAdapter(one.answers) for one in task.generative_dialects},
    }


def _dialects(model: Loaded, refs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The paths in the form of other APIs."""
    if not model.streaming:
        return {f"/{one.route}": {"post": _dialect(one, refs)} for one in model.task.dialects}
    one_model = _get("Say which model is served.", refs["model"])
    one_model["responses"]["404"] = _reply("Another one.", refs["openai error"])
    name = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        **{f"/{one.route}": {"post": _generative(one, refs)} for one in model.task.generative_dialects},
        "/v1/models": {"get": _get("List the model that is served.", refs["models"])},
        "/v1/models/{model}": {"get": {**one_model, "parameters": [name]}},
    }


def _generative(dialect: GenerativeDialect, refs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    asked = {"schema": refs[f"/{dialect.route}"], "examples": {"one": {"value": dict(dialect.example)}}}
    about = f"{dialect.summary}; with `stream`, as events that end with `data: [DONE]`."
    answers, error = refs[f"/{dialect.route} reply"], refs["openai error"]
    found = _post(dialect.summary, about, asked, answers, error)
    found["responses"]["200"]["content"]["text/event-stream"] = {}
    return found


def _dialect(dialect: Dialect, refs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    asked = {"schema": refs[f"/{dialect.route}"]}
    return _post(dialect.summary, dialect.summary, asked, {"type": "object"}, refs["error"])


def _post(
    summary: str, about: str, asked: dict[str, Any], answers: dict[str, Any], error: dict[str, Any]
) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": about,
        "requestBody": {"required": True, "content": {"application/json": asked}},
        "responses": {
            "200": _reply("The answers.", answers),
            "4XX": _reply("The question cannot be answered.", error),
            "5XX": _reply(_NOT_NOW, error),
        },
    }


def _reply(what: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": what, "content": {kind: {"schema": schema}}}


def _get(what: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": what, "responses": {"200": _reply("So it is.", schema, kind)}}
