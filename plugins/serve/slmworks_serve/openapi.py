"""The OpenAPI document of a server: every route, from the model task of the release it serves."""

from typing import Any

from pydantic import BaseModel, TypeAdapter, create_model

from slmworks.contract.model_task import Dialect, type_of
from slmworks_serve.messages import RowsReader
from slmworks_serve.model import Loaded


class Error(BaseModel):
    """One line: the problem, and the way out."""

    error: str


_NOT_NOW = "Not now: too much waits (503, Retry-After), or it took too long."


def openapi(model: Loaded, prefix: str = "") -> dict[str, Any]:
    """The OpenAPI document of a server of this release, that is shown under the path `prefix`."""
    served, task, question = model.served, model.task, RowsReader(model.task)
    refs, components = _schemas(model, question)
    answers = {"oneOf": [refs["one"], refs["many"]]}
    row = task.input_sample()
    asked = {
        "schema": refs["question"],
        "examples": {
            "one": {"value": question.example(row)},
            "several": {"value": question.examples(row)},
        },
    }
    status = {"type": "object", "additionalProperties": {"type": "string"}}
    about = f"{task.verb} one {question.one}, or many."
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.name} v{served.version}",
            "version": str(served.version),
            "description": f"{title(task.name)}, model sha256:{served.model_digest}.",
        },
        "servers": [{"url": prefix or "/"}],
        "paths": {
            f"/{task.route}": {"post": _post(task.verb, about, asked, answers, refs["error"])},
            **{f"/{one.route}": {"post": _dialect(one, refs)} for one in task.dialects},
            "/health": {"get": _get("Say that the process is alive.", status)},
            "/ready": {"get": _get("Say that the model is loaded, and which one it is.", refs["ready"])},
            "/metrics": {"get": _get("Give Prometheus its numbers.", {"type": "string"}, "text/plain")},
        },
        "components": components,
    }


def title(name: str) -> str:
    """A model task's name for people: `Text classification`."""
    return name.replace("-", " ").capitalize()


def _schemas(model: Loaded, question: RowsReader) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """A reference to the schema of each body, and the components that they refer to."""
    who: dict[str, Any] = {"model": (str, ...), "version": (int, ...)}
    response = model.task.response
    release: dict[str, Any] = {
        name: (type_of(value), ...)
        for name, value in {**vars(model.served), "model_task": "", **model.shared}.items()
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
                answers=(list[response], ...),  # type: ignore[valid-type]
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
        **{f"/{one.route}": TypeAdapter(one.request) for one in model.task.dialects},
    }
    found, schemas = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in bodies.items()],
        ref_template="#/components/schemas/{model}",
    )
    return {str(name): schema for (name, _), schema in found.items()}, {"schemas": schemas["$defs"]}


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
