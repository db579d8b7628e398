"""Descriptions in JSON schemas from the strings under a class's fields, read only when a schema is built.

pydantic's own `use_attribute_docstrings` reads them when a class is defined: a third of the time in which a
scheduler parses a DAG, where no schema is needed.
"""

import ast
import inspect
import itertools
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Documented(BaseModel):
    """Options whose fields are described by the string under each."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        """The schema with the descriptions."""
        schema = handler(core_schema)
        texts = docstrings(cls)
        for name, option in handler.resolve_ref_schema(schema).get("properties", {}).items():
            if name in texts:
                option.setdefault("description", texts[name])
        return schema


@cache
def docstrings(found: type) -> dict[str, str]:
    """Field -> the string under it, for a class and those it derives from; empty where there is no source."""
    texts: dict[str, str] = {}
    for one in reversed(found.__mro__):
        body = _body(one)
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(below):
                texts[field.target.id] = inspect.cleandoc(below.value.value)
    return texts


def _body(found: type) -> list[Any]:
    """Statements of a class body, as AST; none for a class of pydantic or of Python itself."""
    if found.__module__ in ("abc", "builtins") or found.__module__.startswith("pydantic"):
        return []
    within: list[Any] = _statements(found.__module__)
    for name in found.__qualname__.split("."):
        within = next((node.body for node in within if getattr(node, "name", "") == name), [])
    return within


@cache
def _statements(module: str) -> list[Any]:
    file = getattr(sys.modules.get(module), "__file__", None)
    return ast.parse(Path(file).read_bytes()).body if file and file.endswith(".py") else []


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
