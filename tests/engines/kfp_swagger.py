"""KFP's published v2beta1 API, read back from `kfp_server_api`, which is generated from its swagger.

Models become JSON schemas, and every `call_api('/apis/v2beta1/…', 'POST', …)` becomes an operation. It knows what a
request and an answer look like, not what they mean. What the generator erased (which strings are int64) is in ERASED.
"""

import ast
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import kfp_server_api
from jsonschema import Draft202012Validator, FormatChecker
from kfp_server_api import models

Schema = dict[str, Any]

ANYTHING: Schema = {}
OBJECT: Schema = {"type": "object"}
INT64: Schema = {"type": "string", "pattern": r"^-?\d+$"}
PLAIN: dict[str, Schema] = {
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "datetime": {"type": "string", "format": "date-time"},
    "object": OBJECT,
    "dict(str, object)": {"type": "object", "additionalProperties": ANYTHING},
}
ERASED: dict[tuple[str, str], Schema] = {
    ("V2beta1RecurringRun", "max_concurrency"): INT64,
    ("V2beta1PeriodicSchedule", "interval_second"): INT64,
    ("V2beta1Predicate", "long_value"): INT64,
    ("PredicateLongValues", "values"): {"type": "array", "items": INT64},
    ("V2beta1ArtifactList", "artifact_ids"): {"type": "array", "items": INT64},
    ("V2beta1PipelineTaskDetail", "execution_id"): INT64,
    ("V2beta1RunDetails", "pipeline_context_id"): INT64,
    ("V2beta1RunDetails", "pipeline_run_context_id"): INT64,
    ("V2beta1Run", "plugins_input"): {"type": "object", "additionalProperties": OBJECT},
    ("V2beta1RecurringRun", "plugins_input"): {"type": "object", "additionalProperties": OBJECT},
    ("V2beta1MetadataValue", "value"): ANYTHING,
}
OPEN = {"ProtobufAny"}
"""Models whose objects may have fields that are not named."""

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _timestamp(value: object) -> bool:
    if not isinstance(value, str):
        return True
    datetime.fromisoformat(value[:19])
    return bool(RFC3339.fullmatch(value))


def schema(kind: str) -> Schema:
    """A type as the generator writes it (`str`, `list[X]`, `dict(str, X)`, a model's name) -> JSON schema."""
    if kind in PLAIN:
        return PLAIN[kind]
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        return {"type": "array", "items": schema(listed[1])}
    if mapped := re.fullmatch(r"dict\(str, (.*)\)", kind):
        return {"type": "object", "additionalProperties": schema(mapped[1])}
    return {"$ref": f"#/$defs/{kind}"}


def definition(name: str) -> Schema:
    """One model: an enum, or an object that has no other fields than these."""
    model = getattr(models, name)
    if hasattr(model, "allowable_values"):
        return {"enum": list(model.allowable_values)}
    fields = {
        model.attribute_map[field]: ERASED[name, field] if (name, field) in ERASED else schema(kind)
        for field, kind in model.openapi_types.items()
    }
    return {"type": "object", "properties": fields, "additionalProperties": name in OPEN}


@cache
def definitions() -> dict[str, Schema]:
    """Every model of the API."""
    return {name: definition(name) for name in dir(models) if hasattr(getattr(models, name), "openapi_types")}


@cache
def validator(kind: str, *, answer: bool) -> Draft202012Validator:
    """Judges values of a type: int64 is a string in answers, and may be a number in requests (as protojson has it)."""
    whole = {**schema(kind), "$defs": definitions()}
    if not answer:
        whole = _with_numbers(whole)
    return Draft202012Validator(whole, format_checker=formats)


def _with_numbers(node: Any) -> Any:
    if node is INT64:
        return {"anyOf": [INT64, {"type": "integer"}]}
    if isinstance(node, dict):
        return {key: _with_numbers(value) for key, value in node.items()}
    return node


def problems(kind: str, value: Any, *, answer: bool = False) -> list[str]:
    """What is wrong with a value of a type; empty: nothing."""
    found = validator(kind, answer=answer).iter_errors(value)
    return [".".join(map(str, [kind, *one.absolute_path])) + f": {one.message[:300]}" for one in found]


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    name: str
    """As the generated client calls it, without its service: `create_run`, `upload_pipeline`."""
    method: str
    path: str
    query: dict[str, str]
    """Parameter -> its type."""
    body: str
    """Type of the JSON body; "": there is none."""
    file: str
    """Name of the uploaded file's part; "": none is uploaded."""
    answer: str
    """Type of the answer; `object` is the empty object."""

    def ids(self, path: str) -> dict[str, str] | None:
        """The path's parameters, or None when it is another path."""
        pieces = re.split(r"\{(.*?)\}", self.path)
        pattern = "([^/:]+)".join(re.escape(piece) for piece in pieces[::2])
        match = re.fullmatch(pattern, path)
        return match and dict(zip(pieces[1::2], map(unquote, match.groups()), strict=True))


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the API; paths without parameters come first."""
    folder = Path(kfp_server_api.__file__).parent / "api"
    functions = (node for file in folder.glob("*_api.py") for node in ast.walk(ast.parse(file.read_text())))
    found = [
        _operation(node)
        for node in functions
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_with_http_info")
    ]
    return tuple(sorted(found, key=lambda one: (one.path.count("{"), one.path, one.method)))


def _operation(function: ast.FunctionDef) -> Operation:
    types = dict(re.findall(r":type (\w+): (.+)", ast.get_docstring(function) or ""))
    query, body, file = {}, "", ""
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="query_params"), attr="append"),
                args=[
                    ast.Tuple(elts=[ast.Constant(value=name), ast.Subscript(slice=ast.Constant(value=local))])
                ],
            ):
                query[name] = types[local]
            case ast.Assign(
                targets=[ast.Name(id="body_params")], value=ast.Subscript(slice=ast.Constant(value=local))
            ):
                body = types[local]
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id="local_var_files"), slice=ast.Constant(value=file))]
            ):
                pass
            case ast.Call(
                func=ast.Attribute(attr="call_api"), args=[ast.Constant(path), ast.Constant(method), *_]
            ):
                answer = next(one.value.value for one in node.keywords if one.arg == "response_type")
    name = function.name.removesuffix("_with_http_info").partition("_service_")
    return Operation(name[2] or name[0], method, path, query, body, file, answer)


def find(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation of a request and the parameters in its path."""
    for one in operations():
        ids = one.ids(path) if one.method == method else None
        if ids is not None:
            return one, ids
    return None
