"""Names by which a server may be asked: what a request's Host header has to say.

A page in a browser can point a name of its own at 127.0.0.1 and then read what answers there (DNS rebinding).
It cannot choose the Host header, which names the page's site.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from slmworks.contract.errors import BadRequest
from slmworks_serve.limits import Refused

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY = "*"

_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::[0-9]{0,5})?")


class Hosts:
    """Host names that are answered to: the loopback's, the address that a connection came to, and others.

    `*.example.com` stands for every name below it, `*` for all.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names`: those beside the loopback's."""
        found = {*LOOPBACK, *(_plain(name.lower()) for name in names)}
        self._any = ANY in found
        self._below = tuple(name[1:] for name in found if name.startswith("*."))
        self._names = frozenset(found)
        self.known = lru_cache(256)(self._known)

    def check(self, hosts: list[bytes], local: str) -> None:
        """Refused unless there is one Host header (400) with a name of this server (421).

        `local`: the address that the connection came to.
        """
        if len(hosts) != 1:
            raise Refused(400, f"the request has {len(hosts)} Host headers; send one.", close=True)
        if not self.known(hosts[0], local):
            name = hosts[0].decode("latin-1")[:80]
            raise Refused(
                421, f"this server is not called '{name}'; whoever runs it can add the name: --allowed-hosts."
            )

    def _known(self, host: bytes, local: str) -> bool:
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if self._any:
            return True
        if found is None:
            return False
        name = _plain(found["six"]) if found["six"] else found["name"].removesuffix(".")
        return name in self._names or name == _plain(local) or name.endswith(self._below)


def given(texts: Iterable[str], bound: str) -> Hosts:
    """The hosts of an option, one a time or with commas, for a server that listens at `bound`."""
    names = [name.strip().lower() for text in texts for name in text.split(",") if name.strip()]
    return Hosts([*map(_named, names), bound])


def _named(name: str) -> str:
    if name == ANY or _NAME.fullmatch(name):
        return name
    address = name.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise BadRequest(
            f"--allowed-hosts {name[:80]!r}: write names without a port: reviews.example, *.example; "
            "* allows every name."
        ) from None
    return address


def _plain(address: str) -> str:
    """An address in its one form, as IPv4 where it stands for that; anything else as it is."""
    try:
        found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)
