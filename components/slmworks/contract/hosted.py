"""A model that somebody else computes: its address, its name there, and what it costs, in a small file.

A file whose name is `hosted.json` or ends in `.hosted.json` is a model of format `openai`: a server with the
routes of OpenAI's API, whoever runs it. The key is named, never written: no artifact, ledger or log has it.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, field_validator

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, did_you_mean

FORMAT = "openai"
"""Format of such a model."""
NAME = "hosted.json"
"""The file's name, or its end behind a dot."""
HERE = ("localhost", "127.0.0.1", "::1")
"""Hosts of this machine, for which http is enough."""
_STRICT = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

Price = Annotated[float, Field(ge=0)]


class Prices(Documented):
    """Money for a million tokens."""

    model_config = _STRICT

    prompt: Price
    """Of what is read."""
    answer: Price
    """Of what is written, reasoning included."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """Three capital letters (ISO 4217): `USD`."""


class Hosted(Documented):
    """The content of the file."""

    model_config = _STRICT

    address: str
    """Where the routes begin: `https://…/v1`. Plain http is for this machine only."""
    model: Annotated[str, Field(pattern=r"^\S(.*\S)?$")]
    """Its name there; one that is dated doesn't change under your hands."""
    revision: str = ""
    """A word of your own. Another one begins a new ledger, where the model behind the name has changed."""
    key: Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:[/~].*)$")] | None = None
    """`env:NAME` or `file:/PATH`: where the key is found. None for a server that asks for none."""
    prices: Prices | None = None
    """None for a server of one's own."""
    at_once: Annotated[PositiveInt, Field(le=256)] = 8
    """Requests side by side."""
    timeout_s: PositiveFloat = 120.0
    """Seconds that an answer may take in all."""
    patience_s: PositiveFloat = 180.0
    """Seconds for which a request that fails is sent again before the task stops."""
    context: PositiveInt | None = None
    """Tokens that it reads and writes together, if known. It may refuse what is longer in any case."""
    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the length of an answer; some models take the second name only."""

    @field_validator("address")
    @classmethod
    def _address(cls, given: str) -> str:
        return _normal(given)

    @classmethod
    def read(cls, path: Path) -> "Hosted":
        """The content of a file; BadRequest names the key that is wrong, and never repeats a value."""
        try:
            return cls.model_validate_json(path.read_bytes(), strict=True)
        except OSError as error:
            raise BadRequest(f"{path.name}: cannot be read ({error.strerror}).") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise BadRequest(f"{path.name}: {_problem(first)}") from None

    @property
    def host(self) -> str:
        """For people: the host, with its port if it has one."""
        return urlsplit(self.address).netloc

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        return urlsplit(self.address).hostname in HERE

    @property
    def identity(self) -> str:
        """What a ledger knows it by, 64 hex digits: prices, keys and limits may change, it is the same."""
        text = json.dumps([self.address, self.model, self.revision])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def secret(self) -> str | None:
        """The key itself, which nobody may keep; None where none is asked for. BadRequest without one."""
        if self.key is None:
            return None
        kind, _, place = self.key.partition(":")
        if kind == "env":
            found, way_out = os.environ.get(place, ""), f"set {place} in the environment of the step"
        else:
            found, way_out = _content(Path(place).expanduser()), "write the key into that file"
        found = found.strip()
        if not found:
            raise BadRequest(f"{self.host}: there is no key at {self.key}; {way_out}.")
        if not (found.isascii() and found.isprintable() and " " not in found):
            raise BadRequest(
                f"{self.host}: what is at {self.key} is no key: it has blanks or signs outside of ASCII."
            )
        return found


def is_hosted(name: str) -> bool:
    """Whether a file of this name is a hosted model."""
    return name == NAME or name.endswith(f".{NAME}")


def hosted_in(folder: Path) -> Path | None:
    """The one such file in a folder, or below; None for none, BadRequest for several."""
    found = sorted(path for path in folder.rglob(f"*{NAME}") if is_hosted(path.name))
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:6])
        raise BadRequest(
            f"what was fetched holds {len(found)} hosted models ({names}); point at one of them."
        )
    return found[0] if found else None


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _normal(address: str) -> str:
    """The address in the one form that counts for its identity; ValueError says what is wrong."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("no address; write https://HOST/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("no user, query or fragment belongs there; the key goes into `key`, by its place")
    if parts.scheme == "http" and host not in HERE:
        raise ValueError("http would send the key and the texts in the open; write https://…")
    path = parts.path.rstrip("/")
    if path.endswith("/completions"):
        raise ValueError("it ends where the routes begin, before /chat/completions; write https://HOST/v1")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{path}"


def _problem(error: Any) -> str:
    """A line of pydantic's error, without the value."""
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        *above, word = map(str, error["loc"])
        known = (Prices if above else Hosted).model_fields
        return f"{where}: no such key. {did_you_mean(word, known)}"
    if error["type"] == "missing":
        return f"{where} is missing."
    if error["type"] == "json_invalid":
        return f"no JSON ({error['ctx']['error']})."
    if error["loc"] == ("key",):
        return "key: write env:NAME or file:/PATH, the place of the key and never the key itself."
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}{': ' if where else ''}{message[0].lower()}{message[1:]}."
