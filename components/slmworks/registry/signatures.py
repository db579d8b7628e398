"""Signatures of the approval log's entries: who holds a key wrote them, whoever may write to the store.

Ed25519 keys in PEM files, as `openssl genpkey -algorithm ed25519` makes them. The private key is named by
SLMWORKS_SIGNING_KEY and the public ones that are trusted by SLMWORKS_TRUSTED_KEYS: a file, or the PEM text
itself (from a cluster's Secret). A private key is read to sign, and never kept, shown or written anywhere.
"""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from slmworks.contract.errors import BadRequest
from slmworks.registry.state import Entry

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNING = "SLMWORKS_SIGNING_KEY"
"""Variable with the private key that entries are signed with."""
TRUSTED = "SLMWORKS_TRUSTED_KEYS"
"""Variable with the public keys one of which must have signed what is served."""

_CONTEXT = b"slmworks: entry of an approval log\n"
"""Said before every entry, so that no signature of anything else can be taken for one."""
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def signed(entry: Entry) -> Entry:
    """The entry with a signature of all it says, where SLMWORKS_SIGNING_KEY names a key; else as it is."""
    if not os.environ.get(SIGNING):
        return entry
    private = _private()
    named = entry.model_copy(update={"key": _name(private.public_key())})
    signature = base64.b64encode(private.sign(_statement(named))).decode()
    return named.model_copy(update={"signature": signature})


def trusted() -> "Mapping[str, Ed25519PublicKey] | None":
    """Name -> key of those that SLMWORKS_TRUSTED_KEYS holds; None where nothing demands a signature."""
    if not os.environ.get(TRUSTED):
        return None
    text = _pem(TRUSTED)
    serialization = _library().serialization
    found: dict[str, Ed25519PublicKey] = {}
    for block in _PUBLIC.findall(text):
        try:
            key = serialization.load_pem_public_key(block.encode())
        except ValueError:
            raise _unusable(TRUSTED, "holds a public key that can't be read") from None
        if not isinstance(key, _library().ed25519.Ed25519PublicKey):
            raise _unusable(TRUSTED, "holds a public key of another kind than Ed25519")
        found[_name(key)] = key
    if not found:
        raise _unusable(TRUSTED, "holds no public key in PEM form")
    return found


def flaw(entry: Entry, keys: "Mapping[str, Ed25519PublicKey]") -> str:
    """What is wrong with an entry's signature, for a sentence about it; empty if a key vouches for it."""
    if not entry.signature:
        return "is not signed"
    if entry.key not in keys:
        return f"is signed with key {entry.key[:12]}, which is not among the trusted ones"
    try:
        keys[entry.key].verify(base64.b64decode(entry.signature, validate=True), _statement(entry))
    except (_library().InvalidSignature, binascii.Error):
        return "was changed after it was signed"
    return ""


def require(version: int, entries: Mapping[str, Entry]) -> None:
    """BadRequest where a signature is demanded, and no trusted key vouches for what a version rests on.

    `entries`: what each is -> itself.
    """
    keys = trusted()
    for what, entry in entries.items() if keys is not None else ():
        if problem := flaw(entry, keys or {}):
            raise BadRequest(
                f"{entry.name} v{version}: {what} (entry {entry.seq:06d}, by {entry.who}) {problem}, "
                f"and {TRUSTED} demands a signature. Whoever has a key approves it: "
                f"slmworks approve {entry.name} {version} --because '…' --signing-key key.pem"
            )


def wanting(entries: Mapping[str, Entry]) -> bool:
    """Whether this process could give a signature that these entries want."""
    if not os.environ.get(SIGNING):
        return False
    keys = trusted()
    return any(flaw(one, keys) if keys is not None else not one.signature for one in entries.values())


def _statement(entry: Entry) -> bytes:
    """The bytes that are signed: every field but the signature; those left at their defaults are left out."""
    said = entry.model_dump(exclude={"signature"}, exclude_defaults=True)
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _CONTEXT + text.encode()


def _name(key: "Ed25519PublicKey") -> str:
    """`openssl pkey -pubin -outform DER -in KEY | sha256sum`."""
    serialization = _library().serialization
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def _private() -> "Ed25519PrivateKey":
    library, text = _library(), _pem(SIGNING)
    try:
        key: object = library.serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise _unusable(SIGNING, "is encrypted, and nobody can be asked for its password") from None
    except ValueError:
        raise _unusable(SIGNING, "holds no private key in PEM form") from None
    if not isinstance(key, library.ed25519.Ed25519PrivateKey):
        raise _unusable(SIGNING, "holds a private key of another kind than Ed25519")
    return cast("Ed25519PrivateKey", key)


def _pem(variable: str) -> str:
    """The text that a variable holds or names."""
    named = os.environ[variable]
    if "-----BEGIN" in named:
        return named
    try:
        return Path(named).expanduser().read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a PEM file"
        raise _unusable(variable, f"names no file that can be read ({why})") from None


def _unusable(variable: str, problem: str) -> BadRequest:
    # never the value: it may be a private key with a slip in its first line
    make = "openssl genpkey -algorithm ed25519 -out key.pem; openssl pkey -in key.pem -pubout -out public.pem"
    return BadRequest(f"{variable}: {problem}. A pair is made with: {make}")


class _Library:
    """The parts of `cryptography` that are used."""

    def __init__(self) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        self.InvalidSignature, self.serialization, self.ed25519 = InvalidSignature, serialization, ed25519


def _library() -> Any:
    try:
        return _Library()
    except ModuleNotFoundError:
        raise BadRequest(
            f"signatures ({SIGNING}, {TRUSTED}) need a package that is not installed here: "
            "pip install 'slmworks[sign]'"
        ) from None
