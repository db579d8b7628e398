"""The OpenAPI document is true: what it allows is answered, what it doesn't is refused, replies look as it says."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from reading import reading, span_finder  # noqa: F401 - a fixture
from releases import built, word_counter
from slmworks_serve.app import Service, create_app
from slmworks_serve.limits import Limits
from slmworks_serve.model import load
from slmworks_serve.openapi import Shown

JSON = {"content-type": "application/json"}
SMALL = Limits(max_texts=3, max_characters=10)

TEXTS = st.text(max_size=12)
VALUES = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(), st.lists(st.one_of(TEXTS, st.none()), max_size=5)
)
BODIES = st.one_of(
    VALUES,
    st.fixed_dictionaries({}, optional={"text": VALUES, "texts": VALUES}),
    st.fixed_dictionaries({"text": VALUES}, optional={"other": VALUES}),
    st.fixed_dictionaries({"texts": st.lists(TEXTS, max_size=4)}),
)


class Documented:
    """A service in this process, and its own description."""

    def __init__(self, service, shown=Shown()):  # noqa: B008 - it is frozen
        self.service, self.client = service, TestClient(create_app(service, shown))
        self.document = self.client.get("/openapi.json").json()

    def allows(self, schema, value):
        whole = {**schema, "components": self.document["components"]}
        return Draft202012Validator(whole).is_valid(value)

    def operation(self, path, method="post"):
        return self.document["paths"][path][method]

    def body(self, path):
        return self.operation(path)["requestBody"]["content"]["application/json"]["schema"]

    def check(self, path, method, reply):
        """The reply's status, type and body are documented."""
        known = self.operation(path, method)["responses"]
        found = known.get(str(reply.status_code)) or known[f"{reply.status_code // 100}XX"]
        (kind,) = found["content"]
        assert reply.headers["content-type"].split(";")[0] == kind
        if kind == "application/json":
            assert self.allows(found["content"][kind]["schema"], reply.json()), reply.text


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documented")
    return Documented(Service(load(built(word_counter(folder / "model"), folder / "release")), 1, SMALL))


@settings(deadline=None, max_examples=300)
@given(body=BODIES)
def test_a_body_is_answered_if_and_only_if_the_document_allows_it(documented, body):
    reply = documented.client.post("/classify", content=json.dumps(body).encode(), headers=JSON)
    assert reply.status_code == (200 if documented.allows(documented.body("/classify"), body) else 422)
    documented.check("/classify", "post", reply)


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"text": "a"}, True),
        ({"text": "a", "texts": None}, True),
        ({"texts": []}, True),
        ({"texts": ["a", "b"], "text": None}, True),
        ({"text": "x" * 10}, True),
        ({"text": "x" * 11}, False),
        ({"texts": ["a"] * 3}, True),
        ({"texts": ["a"] * 4}, False),
        ({"texts": ["x" * 11]}, False),
        ({"text": "a", "texts": ["b"]}, False),
        ({"text": None, "texts": None}, False),
        ({}, False),
        ({"text": "a", "txt": "b"}, False),
    ],
    ids=str,
)
def test_its_limits_and_choices_are_the_servers(documented, body, allowed):
    assert documented.allows(documented.body("/classify"), body) == allowed
    reply = documented.client.post("/classify", json=body)
    assert (reply.status_code == 200) == allowed


def test_every_operation_is_there_and_no_other_method(documented):
    for path, methods in documented.document["paths"].items():
        for method in ("get", "post", "put", "delete", "patch"):
            reply = documented.client.request(method, path, content=b"{", headers=JSON)
            if method in methods:
                documented.check(path, method, reply)
            else:
                assert (reply.status_code, set(reply.json())) == (405, {"error"})
                assert reply.headers["allow"]


def test_a_server_that_stops_says_so_as_documented(documented):
    service = Service(documented.service.model, 1)
    service.stopping = lambda: True
    stopping = Documented(service)
    reply = stopping.client.get("/ready")
    assert reply.status_code == 503
    stopping.check("/ready", "get", reply)


def test_its_schemas_are_schemas_and_its_examples_are_allowed(documented):
    for schema in documented.document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    examples = documented.operation("/classify")["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) == 2
    for example in examples.values():
        unlimited = Documented(Service(documented.service.model, 1))
        assert unlimited.allows(unlimited.body("/classify"), example["value"])
        assert unlimited.client.post("/classify", json=example["value"]).status_code == 200


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"question": "a", "context": "b"}, True),
        ({"question": "a"}, False),
        ({"rows": [{"question": "a", "context": "b"}], "question": None}, True),
        ({"rows": [{"question": "a"}]}, False),
        ({"rows": [{"question": "a", "context": "b"}] * 4}, False),
        ({"rows": [], "question": "a", "context": "b"}, False),
        ({"question": "a" * 11, "context": ""}, False),
    ],
    ids=str,
)
def test_several_inputs_are_described_alike(reading, tmp_path, body, allowed):
    approved = built(span_finder(tmp_path / "finder"), tmp_path / "release")
    documented = Documented(Service(load(approved), 1, SMALL))
    assert documented.allows(documented.body("/extract"), body) == allowed
    reply = documented.client.post("/extract", json=body)
    assert reply.status_code == (200 if allowed else 422)
    documented.check("/extract", "post", reply)


def test_what_has_a_port_of_its_own_is_not_described(documented):
    service = documented.service
    apart = Documented(service, Shown(release=False))
    assert "/metrics" not in apart.document["paths"]
    assert "a" * 64 not in json.dumps(apart.document)
    apart.check("/ready", "get", apart.client.get("/ready"))
