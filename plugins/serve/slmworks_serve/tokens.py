"""Bearer tokens (RFC 6750) that a server asks for: read from a file, or from the environment.

One a line; blank lines and lines that begin with # don't count. They are kept as hashes.
"""

import hashlib
import hmac
import os
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from slmworks.contract.errors import BadRequest

VARIABLE = "SLMWORKS_SERVE_TOKENS"
"""Environment variable with the tokens themselves, where no file is named."""
SHORTEST = 16
EVERY = 1.0
"""Seconds between two looks at the file."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_MAKE = "make one with  python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Tokens:
    """The tokens that open a server; those of a file follow it.

    A file that holds none, or cannot be read any more, lets nobody in until it does, and says so: whoever
    empties it wants to keep somebody out.
    """

    def __init__(self, text: str = "", path: Path | None = None) -> None:
        """The tokens in `text`, or in the file at `path`; BadRequest if there are none or one is no token."""
        self._path = path
        self._state = _state(path) if path else None
        self._digests = _digests(_read(path) if path else text, str(path or VARIABLE))
        self._look_at = time.monotonic() + EVERY

    def open_to(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request's headers bring one of the tokens."""
        if self._path and time.monotonic() >= self._look_at:
            self._follow(self._path)
        given = [value for name, value in headers if name == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        digest = hashlib.sha256(token.strip()).digest()
        # All of them, each in constant time: how long it takes says nothing of a token.
        found = [hmac.compare_digest(digest, one) for one in self._digests]
        return any(found) and scheme.lower() == b"bearer"

    def _follow(self, path: Path) -> None:
        self._look_at = time.monotonic() + EVERY
        state = _state(path)
        if state == self._state:
            return
        self._state = state
        try:
            self._digests = _digests(_read(path), str(path))
        except BadRequest as error:
            self._digests = []
            print(f"slmworks: nobody is let in: {error}", file=sys.stderr, flush=True)


def given(path: Path | None) -> Tokens | None:
    """The tokens of an option, else of the environment; None where neither asks for any."""
    if path is not None:
        return Tokens(path=path)
    text = os.environ.get(VARIABLE)
    return None if text is None else Tokens(text)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does, also where a link to it is turned; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise BadRequest(f"the token file {path} cannot be read ({what}).") from None


def _digests(text: str, where: str) -> list[bytes]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
        if len(token) < SHORTEST or not _TOKEN.fullmatch(token):
            raise BadRequest(
                f"{where}, line {number}: a token is {SHORTEST} characters at least, of letters, digits and "
                f"-._~+/; {_MAKE}"
            )
        found.append(hashlib.sha256(token.encode()).digest())
    if not found:
        raise BadRequest(f"{where} holds no token; {_MAKE}")
    return found
