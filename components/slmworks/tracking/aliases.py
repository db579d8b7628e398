"""Tell an alias in MLflow that is merely late from one that somebody moved by hand.

Anybody with access to MLflow's pages can move an alias, and MLflow keeps no note of who did. Each picture
that we draw says up to which entry of the log it was drawn; an alias that no state of the log since then
explains was moved by somebody. It is asked without importing MLflow, which takes seconds.
"""

import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import Request, urlopen

from slmworks.contract.errors import BadRequest
from slmworks.contract.plain_text import one_line
from slmworks.registry.state import ModelState, replay

if TYPE_CHECKING:
    from slmworks.registry.log import Registry

SHOWN = "slmworks.shown"
"""Tag of a registered model: how many entries of the log its aliases were drawn from."""
HEAD = "slmworks.head"
"""Tag of a registered model: the SHA-256 of the last of those entries."""
VERSION = "slmworks.version"
"""Tag of an MLflow version: its number in the log."""

_SECONDS = 5
_TAGS = "SELECT key, value FROM registered_model_tags WHERE name = ?"
_ALIASES = """
    SELECT a.alias, t.value FROM registered_model_aliases a LEFT JOIN model_version_tags t
    ON t.name = a.name AND t.version = a.version AND t.key = ? WHERE a.name = ?"""


@dataclass(frozen=True)
class Shown:
    """What MLflow shows of one name."""

    upto: int
    """Entries of the log that it was drawn from; 0 for a name that was never drawn."""
    aliases: Mapping[str, int]
    """Alias -> number of the version in the log; 0 for a version that isn't from there."""
    head: str = ""
    """SHA-256 of the last of the entries; empty where that is not known."""


def refuse_moved_champion(registry: "Registry", tracking: str, name: str) -> None:
    """BadRequest if MLflow's `champion` was moved by hand.

    An MLflow that can't be asked, or that is merely behind, stops nothing: the log decides.
    """
    shown = glance(os.environ.get("MLFLOW_REGISTRY_URI") or tracking, name)
    state = registry.state(name)
    if shown is None or not moved(state, shown):
        return
    pointed = shown.aliases.get("champion")
    there = "points nowhere" if pointed is None else f"names v{pointed}" if pointed else "names a foreign one"
    champion = state.champion
    decided = champion.decided if champion else None
    right = (
        one_line(f"v{champion.number} (approved by {decided.who} on {decided.when[:10]}: {decided.why})")
        if champion and decided
        else "no champion"
    )
    raise BadRequest(
        f"{name}: MLflow's alias 'champion' was moved by hand and {there}; the approval log says {right}, "
        "and the log is right. Put it back with `slmworks lineage sync`, or decide with `slmworks approve`."
    )


def moved(state: ModelState, shown: Shown) -> bool:
    """Whether no state of the log since the picture was drawn explains where `champion` points."""
    if not shown.upto:
        return False
    drawn = min(shown.upto, len(state.entries))
    since = (replay(state.name, state.entries[:end]) for end in range(drawn, len(state.entries) + 1))
    return all(then.aliases.get("champion") != shown.aliases.get("champion") for then in since)


def rewritten(state: ModelState, shown: Shown) -> bool:
    """Whether the log no longer holds the entries that the picture was drawn from."""
    if shown.upto > len(state.entries):
        return True
    now = state.entries[shown.upto].previous if shown.upto < len(state.entries) else state.head
    return bool(shown.upto and shown.head and now and shown.head != now)


def glance(uri: str, name: str) -> Shown | None:
    """What MLflow shows of a name; None when it can't be asked in a few seconds."""
    with contextlib.suppress(OSError, HTTPException, ValueError, KeyError, TypeError, sqlite3.Error):
        if uri.startswith("sqlite:///"):
            return _from_database(Path(uri.removeprefix("sqlite:///")), name)
        if uri.startswith(("http://", "https://")):
            return _from_server(uri, name)
    return None


def _from_database(path: Path, name: str) -> Shown:
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_SECONDS)) as database:
        tags = dict(database.execute(_TAGS, (name,)).fetchall())
        rows = database.execute(_ALIASES, (VERSION, name)).fetchall()
    aliases = {alias: int(number or 0) for alias, number in rows}
    return Shown(int(tags.get(SHOWN, 0)), aliases, tags.get(HEAD, ""))


def _from_server(uri: str, name: str) -> Shown:
    try:
        model = _get(uri, "registered-models/get", name=name)["registered_model"]
    except HTTPError as error:
        if error.code == 404:
            return Shown(0, {})
        raise
    aliases = {}
    for one in model.get("aliases", []):
        version = _get(uri, "model-versions/get", name=name, version=one["version"])["model_version"]
        aliases[str(one["alias"])] = int(_tags(version).get(VERSION, 0))
    tags = _tags(model)
    return Shown(int(tags.get(SHOWN, 0)), aliases, tags.get(HEAD, ""))


def _tags(thing: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in thing.get("tags", [])}


def _get(uri: str, what: str, **query: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    request = Request(f"{base}/api/2.0/mlflow/{what}?{urlencode(query)}", headers=login(uri))  # noqa: S310
    with urlopen(request, timeout=_SECONDS) as reply:  # noqa: S310
        return dict(json.load(reply))


def login(uri: str) -> dict[str, str]:
    """The header that MLflow's own client would send: its variables, or what stands in the address."""
    parts, env = urlsplit(uri), os.environ
    if token := env.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = env.get("MLFLOW_TRACKING_USERNAME") or unquote(parts.username or "")
    password = env.get("MLFLOW_TRACKING_PASSWORD") or unquote(parts.password or "")
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
