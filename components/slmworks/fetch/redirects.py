"""Redirects of a web server: followed, but from no public host to a private one.

A recipe's URL is read where it runs, often inside a network whose other services trust whoever is there. A
public server shall not choose among them. A private one may redirect anywhere. Hosts that cannot be looked up
here, as behind a proxy, are the proxy's to judge.
"""

import asyncio
import ipaddress
import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from aiohttp import TraceConfig


@cache
def redirects_watched() -> "TraceConfig":
    """What tells an `aiohttp` session to look at each redirect before it is followed."""
    from aiohttp import TraceConfig

    watched = TraceConfig()
    watched.on_request_redirect.append(_look)
    return watched


async def _look(_session: Any, _context: Any, redirect: Any) -> None:
    """BadRequest for a redirect from a public host to a private one."""
    response = redirect.response
    here = str(response.url)
    there = urljoin(here, response.headers.get("Location") or response.headers.get("URI") or "")
    if not await inside(urlsplit(here).hostname) and await inside(urlsplit(there).hostname):
        raise BadRequest(
            f"{urlsplit(here).hostname}: redirects to {urlsplit(there).hostname}, a private address; "
            "refused. If that is meant, name that address itself."
        )


async def inside(host: str | None) -> bool:
    """Whether a host is no public one: loopback, private, link-local. False for one that isn't found here."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not _public(str(address[0])) for *_, address in found)


def _public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_global)
