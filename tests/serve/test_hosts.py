"""Names that a server is asked by: which Host headers are its own."""

import pytest

from slmworks.contract.errors import BadRequest
from slmworks_serve.hosts import Hosts, given
from slmworks_serve.limits import Refused


def status(hosts, *asked, local="10.1.2.3"):
    try:
        hosts.check([one.encode("latin-1") for one in asked], local)
    except Refused as refused:
        assert "\n" not in refused.line
        return refused.status
    return 200


@pytest.mark.parametrize(
    "asked",
    [
        "localhost", "LocalHost:8000", "localhost.", "127.0.0.1", "127.0.0.1:80", "[::1]:8000", "[0:0::1]",
        "10.1.2.3", "10.1.2.3:8000", "reviews.example", "Reviews.Example:443", "a.models.example", "a.b.models.example:1",
        "0.0.0.0:8000", "[fd00::7]:8000",
    ],
)  # fmt: skip
def test_its_own_names_are_answered(asked):
    hosts = given(["reviews.example, *.models.example", "[FD00::7]"], "0.0.0.0")
    assert status(hosts, asked) == 200


@pytest.mark.parametrize(
    "asked",
    [
        "evil.example", "localhost.evil.example", "evil.example:8000", "models.example", "xmodels.example", "10.1.2.4",
        "127.0.0.2", "[::2]", "", ":8000", "localhost:8000:1", "localhost:abc", "user@localhost", "localhost/", "local host",
        "localhost, evil.example", "é", "[localhost]", "::1", "localhost..",
    ],
)  # fmt: skip
def test_other_names_are_not(asked):
    assert status(given(["*.models.example"], "127.0.0.1"), asked) == 421


def test_there_is_one_host_header():
    assert status(Hosts(), "localhost", "localhost") == 400
    assert status(Hosts(["*"])) == 400


def test_a_star_allows_every_name():
    assert status(given(["*"], "127.0.0.1"), "anything.example:1") == 200


@pytest.mark.parametrize("local", ["::ffff:10.1.2.3", "fe80::1%eth0", "FE80::1"])
def test_the_address_that_a_connection_came_to_is_a_name(local):
    asked = "10.1.2.3" if "ffff" in local else "[fe80:0::1]:8000"
    assert status(Hosts(), asked, local=local) == 200
    assert status(Hosts(), asked, local="10.9.9.9") == 421


@pytest.mark.parametrize(
    "text", ["reviews:8000", "https://reviews.example", "a b", "*.", "*x.example", "a/b", "é"]
)
def test_the_option_takes_names(text):
    with pytest.raises(BadRequest, match="--allowed-hosts .*write names without a port"):
        given([text], "127.0.0.1")
