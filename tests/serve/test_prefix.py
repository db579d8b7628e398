"""Behind a gateway: the page and the OpenAPI document show the address that people see."""

import pytest
from starlette.testclient import TestClient

from releases import built, word_counter
from slmworks.contract.errors import BadRequest
from slmworks_serve import prefix
from slmworks_serve.app import Service, create_app
from slmworks_serve.model import load

ODD = "/models/odd-1.2_x~"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return load(built(word_counter(folder / "model"), folder / "release"))


@pytest.fixture
def serve(loaded):
    return lambda prefix="": TestClient(create_app(Service(loaded, 1, prefix=prefix)), "https://example.org")


def shown(client, headers=None, at=""):
    """The page, and the servers that the OpenAPI document names."""
    page, document = (client.get(f"{at}/{name}", headers=headers) for name in ("docs", "openapi.json"))
    assert page.headers["vary"] == document.headers["vary"] == "x-forwarded-prefix"
    return page.text, [one["url"] for one in document.json()["servers"]]


def test_without_a_gateway_links_are_relative(serve):
    page, servers = shown(serve())
    assert "curl https://example.org/classify " in page
    assert 'fetch("classify"' in page
    assert 'href="openapi.json"' in page
    assert servers == ["/"]


@pytest.mark.parametrize("path", [ODD, f"{ODD}/", f" {ODD} "])
def test_a_gateways_header_is_believed(serve, path):
    client, headers = serve(), {"x-forwarded-prefix": path}
    page, servers = shown(client, headers)
    assert f"curl https://example.org{ODD}/classify " in page
    assert f'fetch("{ODD}/classify"' in page
    assert f'href="{ODD}/openapi.json"' in page
    assert servers == [ODD]
    assert client.get("/nothing", headers=headers).json()["error"].endswith(f"See {ODD}/docs.")


@pytest.mark.parametrize(
    "path",
    [
        "models", "//evil.example", "/a//b", "/a/../b", "/..", "/./a", "/a b", "/a%2fb", '/"><script>', "/a?b", "/a#b",
        "/a,/b", "/a\\b", "https://evil.example/a", "/é".encode(), "/" + "a" * 300, "/",
    ],
)  # fmt: skip
def test_a_header_that_is_no_plain_path_is_ignored(serve, path):
    page, servers = shown(serve(), {"x-forwarded-prefix": path})
    assert (page, servers) == shown(serve())


def test_the_option_holds_whatever_the_header_says(serve):
    client = serve("/models/reviews")
    page, servers = shown(client, {"x-forwarded-prefix": ODD})
    assert "curl https://example.org/models/reviews/classify " in page
    assert servers == ["/models/reviews"]


def test_a_gateway_may_leave_the_prefix_in_the_path(serve):
    client = serve("/models/reviews")
    for at in ("", "/models/reviews"):
        assert shown(client, at=at)[1] == ["/models/reviews"]
        assert client.post(f"{at}/classify", json={"text": "good"}).json()["label"] == "positive"
        assert client.get(f"{at}/ready").status_code == 200
    assert client.get("/models/reviews").status_code == 200
    assert client.get("/models/others/ready").status_code == 404


@pytest.mark.parametrize(("text", "found"), [("", ""), ("/", ""), ("/a/b/", "/a/b"), ("/a.b", "/a.b")])
def test_the_option_takes_plain_paths(text, found):
    assert prefix.given(text) == found


@pytest.mark.parametrize("text", ["a/b", "/a b", "//a", "/a/..", "https://example.org/a", "/<a>"])
def test_the_option_refuses_others(text):
    with pytest.raises(BadRequest, match="--prefix .*write a path of letters"):
        prefix.given(text)
