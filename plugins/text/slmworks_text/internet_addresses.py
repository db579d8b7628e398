"""E-mail and IP addresses in a text."""

import ipaddress
import re
from collections.abc import Iterator

from slmworks_text.written_forms import AFTER, BEFORE, LATIN, hidden

SPACED = f"{LATIN}Ͱ-ԯἀ-῿"
"""Latin, Greek and Cyrillic, which leave a space between an address and a word; Chinese and Thai don't."""
OTHER = "\u0531-\u1cff\u3041-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
"""Letters and vowel signs of scripts from Armenian to Chinese."""
BLANKS = "\u0531-\u0dff\u10a0-\u10ff"
"""Letters and marks from Armenian to Sinhala, and Georgian: scripts that leave a space after an address."""
ENDINGS = "中国|中國|公司|网络|網絡|网站|香港|台湾|台灣|新加坡|한국|닷컴|닷넷|ไทย|ລາວ|みんな"
"""Top level domains in scripts without spaces, and with particles, where anything else may follow at once."""
EMAIL = re.compile(
    rf"(?:[{SPACED}0-9][{SPACED}0-9._%+&'’-]{{0,63}}|[{OTHER}]{{1,64}}|\"[^\"\n@]{{1,64}}\")(?:@|%40)"
    rf"(?!-|[0-9]x\.)(?:(?:[{SPACED}0-9_-]{{1,63}}|[{OTHER}][{OTHER}0-9-]{{0,62}})\.)+"
    rf"(?:(?:xn--[A-Za-z0-9-]{{2,59}}|[{SPACED}]{{2,24}})(?![{SPACED}])|(?<=[{OTHER}]\.)[{BLANKS}]{{2,24}}|{ENDINGS})"
)
"""Marks around an address, such as Markdown's `_`, are no part of it; nor is the number of a footnote.
`icon@2x.png` is an image for dense screens."""
AT = re.compile(rf"\S(?:@|%40)[{SPACED}{OTHER}0-9_]")
"""Cheap test before the search for an address."""
IPV4 = re.compile(rf"{BEFORE}(?<![0-9]\.)[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}{AFTER}(?!\.[0-9])")
IPV6 = re.compile(
    rf"(?:(?<![0-9{LATIN}:.])|(?<=[G-Zg-z]:)|(?<=[Vv]6:))(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}"
    rf"(?:[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|[0-9A-Fa-f]{{1,4}}|(?<=::))(?!:?[0-9{LATIN}])"
)
"""A name and a colon may stand before it, as in mails' `[IPv6:2001:db8::1]`."""
IN_USE = [
    ipaddress.IPv6Network(network)
    for network in ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8", "::1", "::ffff:0:0/96", "64:ff9b::/96")
]
"""Networks whose addresses machines have (IANA's registry); `abc::def` is C++, and eight pairs hardware."""


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each e-mail address."""
    if AT.search(text):
        yield from (match.span() for match in EMAIL.finditer(text))


def ips(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each IP address: those of version 6 first, which may end with one of version 4."""
    found: list[tuple[int, int]] = []
    if text.count(":") >= 2:
        found = [match.span() for match in IPV6.finditer(text) if _is_in_use(match[0])]
    yield from found
    if text.count(".") >= 3:
        for match in IPV4.finditer(hidden(text, found)):
            if _is_address(match[0]):
                yield match.span()


def _is_in_use(text: str) -> bool:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    spelt_out = "::" not in text and any(len(group) > 2 for group in text.split(":"))
    return spelt_out or any(address in network for network in IN_USE)


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
