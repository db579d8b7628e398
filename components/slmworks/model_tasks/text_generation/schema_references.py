"""Where a JSON Schema refers to: to schemas that are in it, and never to itself without end."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
IN_PLACE = ("not", "if", "then", "else")
"""Keywords whose schema is for the same value, …"""
IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
"""… whose schemas are …"""
IN_PLACE_BY_NAME = ("dependentSchemas", "dependencies")
"""… and those that have one for each name."""
ALONE = ("draft-03", "draft-04", "draft-06", "draft-07")
"""Drafts in which a `$ref` is all that counts of its schema."""


def reference_problem(schema: Any) -> str:
    """What is wrong with the references of a schema that its draft's own finds sound; empty for nothing.

    Nothing is fetched: what a reference leads to must be in the schema, or be a draft's own. A schema that
    comes back to itself at the same value (`{"$ref": "#"}`) could be followed without end; one that
    describes a tree, by `properties` or `items`, is sound.
    """
    from jsonschema import SchemaError

    try:
        graph = _graph(schema)
    except _Dangling as dangling:
        return f"refers to {str(dangling)[:100]!r}, which is not in it"
    except SchemaError as error:
        return f"refers to what is no JSON Schema ({' '.join(error.message.split())[:100]})"
    except (ValueError, TypeError):
        return "has an `$id` or a `$schema` that is no address"
    except AttributeError:  # an older draft's own schema lets pass what is of another form
        return "has a part that is no JSON Schema"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return "refers to itself without end, and not below `properties` or `items`"
    return ""


class _Dangling(Exception):
    """A reference to nothing, or to what is no schema; its message is the reference."""


def _graph(schema: Any) -> Mapping[int, list[int]]:
    """Each schema within a schema -> those that are for the same value, all by their identity."""
    from jsonschema.validators import validator_for
    from referencing.jsonschema import specification_with

    draft = validator_for(schema)
    specification = specification_with(draft.META_SCHEMA["$schema"])
    graph: dict[int, list[int]] = {}
    waiting = [_begin(specification.create_resource(schema))]
    while waiting:
        resource, resolver = waiting.pop()
        found = resource.contents
        if id(found) in graph:
            continue
        own = validator_for(found, default=draft)  # ValueError for a `$schema` that is no address
        graph[id(found)] = [id(one) for one in _in_place(found, own)]
        if not isinstance(found, dict):
            continue
        waiting += [(one, resolver.in_subresource(one)) for one in resource.subresources()]
        for reference in (found[name] for name in REFERENCES if name in found and name in own.VALIDATORS):
            led = _led_to(reference, resolver)
            graph[id(found)].append(id(led.contents))
            if id(led.contents) not in graph:  # it may lie where no keyword stands
                its = validator_for(led.contents, default=own) if isinstance(led.contents, dict) else own
                its.check_schema(led.contents)
                waiting.append((specification.create_resource(led.contents), led.resolver))
    return graph


def _begin(root: Any) -> tuple[Any, Any]:
    """A document, and what resolves the references in it: as a validator does, without a network."""
    from jsonschema_specifications import REGISTRY

    return root, REGISTRY.resolver_with_root(root)


def _led_to(reference: Any, resolver: Any) -> Any:
    from referencing.exceptions import Unresolvable

    if not isinstance(reference, str):
        raise _Dangling(reference)
    try:
        return resolver.lookup(reference)
    except (Unresolvable, ValueError, TypeError):  # also a word in place of a number, in a list
        raise _Dangling(reference) from None


def _in_place(schema: Any, draft: Any) -> Iterator[Any]:
    """The schemas within a schema that the same value must follow, by keywords that its draft knows."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema and any(name in draft.META_SCHEMA["$schema"] for name in ALONE):
        return
    known = {name: schema[name] for name in schema if name in draft.VALIDATORS}
    known |= {name: schema[name] for name in ("then", "else") if name in schema and "if" in known}
    yield from (known[name] for name in IN_PLACE if name in known)
    for name in IN_PLACE_LISTS:
        yield from known.get(name, ())
    for name in IN_PLACE_BY_NAME:
        yield from known.get(name, {}).values()
