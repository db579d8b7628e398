"""Personal data found by validated patterns, with a tag such as `<EMAIL>` in its place.

Cards must satisfy Luhn and belong to a scheme, IBANs mod 97 and their country's length, addresses parse;
telephone numbers are judged for one region: more regions find more and are wrong more often. Names of people
and places are not looked for.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

from slmworks_text.bank_accounts import ibans
from slmworks_text.internet_addresses import emails, ips
from slmworks_text.payment_cards import cards
from slmworks_text.phone_numbers import phones
from slmworks_text.written_forms import AFTER, LATIN, UNSEEN, ascii_forms, hidden, seen

Kind = Literal["email", "phone", "card", "iban", "ip", "ssn"]

SSN = re.compile(
    rf"[0-9](?<![0-9{LATIN}].)(?<![0-9][.-].)(?:(?<![0-9] .)(?=.. )|(?=..[.-]))(?<!9)(?!(?<=0)00|(?<=6)66)"
    rf"[0-9]{{2}}([ .-])(?!00)[0-9]{{2}}\1(?!0000)[0-9]{{4}}{AFTER}(?!\1[0-9])"
)
"""Neither 000, 666 nor 9 at the start; no group of zeros."""
DIGIT = re.compile(r"\d")
DIGITS = re.compile(r"\d(?:[^\d\n]{0,4}\d){6}")
"""Cheap test before longer searches: seven digits close together."""

SIGNS: dict[Kind, str] = {"email": "@", "iban": "A", "card": "7", "ssn": "7", "ip": ".", "phone": "7"}
"""Kind -> the sign without which a text has none of it; see `signs_of`."""

SUSPECT = bytes(code > 127 or chr(code) in "0123456789@:" for code in range(256))
"""Byte -> 1 if a text with it may hold personal data."""

Search = Callable[[str], Iterator[tuple[int, int]]]
"""Text in ASCII forms -> start and end of each find; none overlap."""


class Redactor:
    """The chosen kinds, in the order in which they are looked for (an IBAN also looks like a number)."""

    def __init__(self, kinds: Sequence[Kind], region: str) -> None:
        searches: dict[Kind, Search] = {
            "email": emails, "iban": ibans, "card": cards, "ssn": _ssns, "ip": ips,
            "phone": partial(phones, region=region),
        }  # fmt: skip
        self.searches = [(kind, search, SIGNS[kind]) for kind, search in searches.items() if kind in kinds]

    def redact(self, text: str) -> tuple[str, dict[str, int]]:
        """The text with tags, and the number of tags a kind."""
        found = self.find(text)
        if not found:
            return text, {}
        counts: dict[str, int] = {}
        pieces, done = [], 0
        for start, end, kind in found:
            counts[kind] = counts.get(kind, 0) + 1
            pieces += [text[done:start], f"<{kind.upper()}>"]
            done = end
        return "".join((*pieces, text[done:])), counts

    def find(self, text: str) -> list[tuple[int, int, Kind]]:
        """Start, end and kind of each find, from left to right; none overlap."""
        signs = signs_of(text)
        if not signs:
            return []
        found = self._find(text, signs)
        if not text.isascii() and UNSEEN.search(text):
            found = _joined(found, self._find_unseen(text, signs))
        return found

    def _find_unseen(self, text: str, signs: str) -> list[tuple[int, int, Kind]]:
        """What is found without the signs that nobody sees: a soft hyphen within leaves an address one."""
        bare, places = seen(text)
        return [(places[start], places[end - 1] + 1, kind) for start, end, kind in self._find(bare, signs)]

    def _find(self, text: str, signs: str) -> list[tuple[int, int, Kind]]:
        found: list[tuple[int, int, Kind]] = []
        rest = ascii_forms(text)
        for kind, search, sign in self.searches:
            if sign in signs and (places := list(search(rest))):
                found += [(start, end, kind) for start, end in places]
                rest = hidden(rest, places)
        return sorted(found)


def signs_of(text: str) -> str:
    """Signs of personal data in a text, in one pass: an @, colons, digits, many digits. Most texts have none.

    What was found is hidden and brings no digits closer together than they were, so looking once is enough.
    """
    signs = "@" if "@" in text or "\uff20" in text else ""
    if text.count(":") >= 2:
        signs += "."
    if DIGIT.search(text):
        signs += "A." if "%40" not in text else "A.@"
        if DIGITS.search(text):
            signs += "7"
    return signs


def suspects(texts: Sequence[str]) -> list[int]:
    """Positions of texts that are not ASCII or hold a digit, an @ or a colon; others have no `signs_of`."""
    import numpy as np

    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    hits = np.flatnonzero(np.frombuffer(b"".join(contents).translate(SUSPECT), "bool"))
    if not len(hits):
        return []
    ends = np.cumsum(np.fromiter(map(len, contents), "int64", len(contents)))
    return [int(i) for i in np.unique(np.searchsorted(ends, hits, "right"))]


def _joined(
    found: Sequence[tuple[int, int, Kind]], more: Sequence[tuple[int, int, Kind]]
) -> list[tuple[int, int, Kind]]:
    """Both, from left to right; those that overlap as one, of the kind of the longest."""
    joined: list[tuple[int, int, Kind]] = []
    for start, end, kind in sorted({*found, *more}):
        if joined and start < joined[-1][1]:
            before, last, other = joined[-1]
            joined[-1] = before, max(end, last), kind if end - start > last - before else other
        else:
            joined.append((start, end, kind))
    return joined


def _ssns(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in SSN.finditer(text))
