"""Open a store by URL. No request is sent yet, and nothing is written."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.store.contract import Store
from slmworks.store.layout import KEY, require_readable
from slmworks.store.local import LocalStore

CLOUDS = ("s3", "gs", "az")
"""Schemes of object stores. All three can create a key only if it is absent."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}[a-z0-9]")


def open_store(url: str) -> Store:
    """Open the store that `url` names: a folder, `file:///folder` or `s3://bucket/prefix`.

    BadRequest for an address that names none, and for a store of a newer format than this version reads.
    """
    store = _addressed(url)
    if isinstance(store, LocalStore):  # a bucket is asked with its first request
        require_readable(str(store), store.read(KEY))
    return store


def _addressed(url: str) -> Store:
    scheme, separator, rest = url.partition(":")
    if scheme in CLOUDS and separator:
        return _open_bucket(scheme, rest)
    if scheme == "file" and separator:
        return LocalStore(Path(unquote(urlsplit(url).path)).absolute())
    if "://" in url:
        raise BadRequest(
            f"store '{scheme}://…': no such kind of store. {did_you_mean(scheme, CLOUDS)} "
            "Or give --store a folder."
        )
    root = Path(url).absolute()
    if root.exists() and not root.is_dir():
        raise BadRequest(f"{url}: is a file, so it cannot be a store; give --store a folder.")
    return LocalStore(root)


def _open_bucket(scheme: str, rest: str) -> Store:
    if any(sign in rest for sign in "@?#"):  # said without repeating it
        raise BadRequest(
            f"store '{scheme}://…': credentials and options don't belong in a store's address, which is "
            "recorded; set them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …)."
        )
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    parts = [part for part in prefix.split("/") if part]
    if not rest.startswith("//") or not _BUCKET.fullmatch(bucket) or {".", ".."} & set(parts):
        raise BadRequest(
            f"store '{scheme}:{rest}': not an address of a store; it looks like {scheme}://bucket/prefix "
            "(bucket names are small letters, digits, '-' and '.')."
        )
    from slmworks.store.bucket import Bucket
    from slmworks.store.objects import ObjectStore

    address = f"{scheme}://" + "/".join([bucket, *parts])
    found = Bucket.open(address, scheme, bucket, "/".join(parts))
    return ObjectStore(found, LocalStore(_copy_of(f"{found.endpoint} {address}")))


def _copy_of(place: str) -> Path:
    """The folder on this machine that goes with an object store."""
    given = os.environ.get("SLMWORKS_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    base = Path(given) if given else Path(home) / "slmworks"
    return base.absolute() / hashlib.sha256(place.encode()).hexdigest()[:16]
