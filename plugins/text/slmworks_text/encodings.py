"""Encodings of files: those that Python knows by name, and `utf-8-replace`."""

import codecs
from encodings.aliases import aliases
from typing import Annotated

from pydantic import AfterValidator

from slmworks.contract.errors import did_you_mean

REPLACE = "utf-8-replace"
"""UTF-8 whose bad bytes are read as U+FFFD."""
NOT_FOR_FILES = frozenset({"idna", "punycode", "undefined"})
"""Codecs of host names, and one that always fails."""
USUAL = (
    "utf-8", REPLACE, "utf-16", "latin-1", "cp1250", "cp1251", "cp1252", "gbk", "gb18030", "big5",
    "shift_jis", "cp932", "euc_jp", "cp949", "euc_kr", "koi8_r",
)  # fmt: skip


def _known(name: str) -> str:
    """The name as it is; ValueError for one that is no encoding of text."""
    if is_encoding(name):
        return name
    hint = did_you_mean(name.lower(), filter(is_encoding, {*USUAL, *aliases, *aliases.values()}))
    hint = hint.lower() if hint.startswith("Did") else f"usual ones: {', '.join(USUAL)}"
    raise ValueError(f"not an encoding of text that Python knows ({hint})")


def is_encoding(name: str) -> bool:
    """Whether Python knows an encoding of text by this name."""
    if name == REPLACE:
        return True
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        return False
    return codecs.lookup(name).name not in NOT_FOR_FILES


Encoding = Annotated[str, AfterValidator(_known)]


def codec_of(encoding: str) -> str:
    """Python's codec for an encoding; for UTF-8 the one that skips a byte order mark."""
    name = "utf-8" if encoding == REPLACE else codecs.lookup(encoding).name
    return "utf-8-sig" if name == "utf-8" else name
