"""One request to the fake KFP, the ways to refuse it, and the part of a list that it asks for."""

import base64
import json
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import kfp_swagger

Json = dict[str, Any]

# filter.proto numbers its operations with gaps; the swagger only lists their names
NUMBERED = {
    1: "EQUALS",
    2: "NOT_EQUALS",
    3: "GREATER_THAN",
    5: "GREATER_THAN_EQUALS",
    6: "LESS_THAN",
    7: "LESS_THAN_EQUALS",
    8: "IN",
    9: "IS_SUBSTRING",
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQUALS": operator.eq,
    "NOT_EQUALS": operator.ne,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_EQUALS": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_EQUALS": operator.le,
    "IN": lambda has, wanted: has in wanted["values"],
    "IS_SUBSTRING": lambda has, wanted: wanted in has,
}
PAGE = 20
"""KFP's page size when none is asked for."""
LARGEST_PAGE = 200


class Refused(Exception):
    """An answer other than 200; `wrong` when no server would take the request: then it is a violation too."""

    def __init__(self, status: int, message: str, *, wrong: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.wrong = wrong


def wrong(message: str) -> Refused:
    """400, and a violation."""
    return Refused(400, message, wrong=True)


@dataclass
class Request:
    """One request as it came in, and the status that it got."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: Any = None
    """The parsed JSON; of an upload the text of the file; None: there was none."""
    ids: dict[str, str] = field(default_factory=dict)
    """The parameters in the path."""
    status: int = 0


def page(request: Request, key: str, model: str, records: Iterable[Json]) -> Json:
    """A list answer: the records that the filter keeps, in order, one page of them."""
    query = request.query
    fields = kfp_swagger.definition(model)["properties"]
    tests = _tests(query.get("filter"), fields)
    kept = [one for one in records if all(test(one) for test in tests)]
    name, _, order = (query.get("sort_by") or "created_at").partition(" ")
    if name not in fields or order not in {"", "asc", "desc"}:
        raise wrong(f"sort_by: {query['sort_by']!r} is not a field of {model}, perhaps with asc or desc")
    kept.sort(key=lambda one: str(one.get(name, "")), reverse=order == "desc")
    size, start = int(query.get("page_size") or 0) or PAGE, _start(query.get("page_token"))
    if size < 0:
        raise wrong(f"page_size: {size} is negative")
    end = start + min(size, LARGEST_PAGE)
    answer: Json = {}
    if kept:
        answer |= {key: kept[start:end], "total_size": len(kept)}
    if end < len(kept):
        answer["next_page_token"] = base64.b64encode(str(end).encode()).decode()
    return answer


def _start(token: str | None) -> int:
    try:
        return int(base64.b64decode(token, validate=True)) if token else 0
    except ValueError:
        raise wrong(f"page_token: {token!r} is not one that this server gave out") from None


def _tests(text: str | None, fields: Json) -> list[Callable[[Json], bool]]:
    if not text:
        return []
    try:
        asked = _proto_names(json.loads(text))
    except json.JSONDecodeError as error:
        raise wrong(f"filter: {error}") from None
    if found := kfp_swagger.problems("V2beta1Filter", asked):
        raise wrong("filter: " + "; ".join(found))
    return [_test(one, fields) for one in asked.get("predicates", [])]


def _proto_names(node: Any) -> Any:
    """The filter is protobuf JSON inside a string: stringValue is string_value, and 1 is EQUALS."""
    if isinstance(node, list):
        return [_proto_names(one) for one in node]
    if not isinstance(node, dict):
        return node
    named = {
        re.sub("[A-Z]", lambda m: "_" + m[0].lower(), key): _proto_names(one) for key, one in node.items()
    }
    if "operation" in named:
        named["operation"] = NUMBERED.get(named["operation"], named["operation"])
    return named


def _test(predicate: Json, fields: Json) -> Callable[[Json], bool]:
    key, compare = predicate.get("key"), COMPARE.get(predicate.get("operation", ""))
    values = [value for name, value in predicate.items() if name.endswith(("_value", "_values"))]
    if key not in fields or compare is None or len(values) != 1:
        raise wrong(f"filter: a predicate has a known key, an operation and one value, not {predicate}")
    return lambda record: compare(record.get(key, ""), values[0])
