"""Strict JSON Schemas of the custom resources of Prometheus' operator and the Gateway API, as far as the chart uses them.

Written by hand from their API references (monitoring.coreos.com/v1: ServiceMonitorSpec, PodMonitorSpec,
PrometheusRuleSpec; gateway.networking.k8s.io/v1: HTTPRouteSpec): the CRDs are a megabyte. They allow less than the CRDs do.
"""

from typing import Any

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"}
DURATION = {
    "type": "string",
    "pattern": "^(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?$",
}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}


def _of(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """An object with these properties, all but some of them required, and no others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _list(items: dict[str, Any], most: int = 1000) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def _monitor(endpoints: str) -> dict[str, Any]:
    scrape = _of({"port": {"type": "string"}, "path": {"type": "string"}, "interval": DURATION})
    return _of(
        {
            "selector": _of({"matchLabels": STRINGS}),
            "namespaceSelector": _of({"matchNames": _list({"type": "string"})}),
            endpoints: _list(scrape),
        }
    )


ALERT = _of(
    {
        "alert": {"type": "string", "minLength": 1},
        "expr": {"type": "string"},
        "for": DURATION,
        "labels": STRINGS,
        "annotations": STRINGS,
    },
    "for",
)
GATEWAY = _of(
    {"name": NAME, "namespace": NAME, "sectionName": NAME, "port": PORT}, "namespace", "sectionName", "port"
)
PATH = _of(
    {
        "type": {"enum": ["Exact", "PathPrefix", "RegularExpression"]},
        "value": {"type": "string", "pattern": "^/"},
    }
)
RULE = _of(
    {"matches": _list(_of({"path": PATH}), 64), "backendRefs": _list(_of({"name": NAME, "port": PORT}), 16)}
)
HOST = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
SPECS = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _monitor("endpoints"),
    ("monitoring.coreos.com/v1", "PodMonitor"): _monitor("podMetricsEndpoints"),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _of(
        {"groups": _list(_of({"name": {"type": "string", "minLength": 1}, "rules": _list(ALERT)}))}
    ),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _of(
        {"parentRefs": _list(GATEWAY, 32), "hostnames": _list(HOST, 16), "rules": _list(RULE, 16)}
    ),
}  # fmt: skip
KINDS = {kind for _, kind in SPECS}


def schema(kind: str) -> dict[str, Any]:
    """The schema of a kind's objects."""
    ((version, spec),) = ((version, spec) for (version, known), spec in SPECS.items() if known == kind)
    metadata = _of(
        {"name": NAME, "namespace": NAME, "labels": STRINGS, "annotations": STRINGS}, "annotations"
    )
    return _of(
        {"apiVersion": {"const": version}, "kind": {"const": kind}, "metadata": metadata, "spec": spec}
    )
