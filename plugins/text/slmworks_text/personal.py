"""Personal data found by validated patterns, with a tag such as `<EMAIL>` in its place.

Cards must satisfy Luhn, IBANs mod 97, addresses parse; telephone numbers are judged by `phonenumbers`
(libphonenumber's tables) for one region: more regions find more and are wrong more often. Names of people
and places are not looked for.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from slmworks_text.payment_cards import DIGIT_GROUPS, cards

Kind = Literal["email", "phone", "card", "iban", "ip", "ssn"]

LETTER = "A-Za-zÀ-ÖØ-öø-ӿḀ-ỿ"
"""Latin, Greek and Cyrillic, which leave a space between an address and a word; Chinese and Thai don't."""
EMAIL = re.compile(
    rf"[{LETTER}0-9][{LETTER}0-9._%+'’-]{{0,63}}"
    rf"@(?:[{LETTER}0-9-]{{1,63}}\.)+[{LETTER}]{{2,24}}(?![{LETTER}])"
)
"""Marks around an address, such as Markdown's `_`, are no part of it; nor is the number of a footnote."""
IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d[\d ().-]{7,16}\d|0[1-9]\d{1,3}(?:[ .-]\d{2,4}){2,3}"
    r"|\(0?\d{2,4}\) ?\d{3,4}[ .-]?\d{3,4})(?![\w-])"
)
"""Telephone numbers as people write them anywhere: they begin with +, 0 or an area code in parentheses."""
DIGITS = re.compile(r"\d(?:[^\d\n]{0,4}\d){6}")
"""Cheap test before longer searches: seven digits close together."""
DIGIT = re.compile(r"\d")
IBAN_SIGN = re.compile(r"[^\W\d_]{2}\d\d")
"""Cheap test before the search for an IBAN: two letters before two digits."""

SIGNS: dict[Kind, str] = {"email": "@", "iban": "A", "card": "7", "ssn": "7", "ip": ".", "phone": "7"}
"""Kind -> the sign without which a text has none of it; see `signs_of`."""

Rule = Callable[[str], tuple[str, int]]
"""Text -> text with tags, and the number of tags."""


class Redactor:
    """The chosen kinds, in the order in which they are looked for (an IBAN also looks like a number)."""

    def __init__(self, kinds: Sequence[Kind], region: str) -> None:
        rules: dict[Kind, Rule] = {
            "email": _email, "iban": _iban, "card": _card, "ssn": _ssn, "ip": _ip,
            "phone": partial(_phone, region=region),
        }  # fmt: skip
        self.rules = [(kind, rule, SIGNS[kind]) for kind, rule in rules.items() if kind in kinds]

    def redact(self, text: str) -> tuple[str, dict[str, int]]:
        """The text with tags, and the number of tags a kind."""
        counts: dict[str, int] = {}
        signs = signs_of(text)
        if signs:
            for kind, rule, sign in self.rules:
                if sign in signs:
                    text, found = rule(text)
                    if found:
                        counts[kind] = found
        return text, counts


def signs_of(text: str) -> str:
    """Signs of personal data in a text, in one pass: an @, colons, digits, many digits. Most texts have none.

    A tag brings no digits closer together than they were, so looking once, before anything is replaced, is
    enough.
    """
    signs = "@" if "@" in text else ""
    if text.count(":") >= 2:
        signs += "."
    if DIGIT.search(text):
        signs += ".A" if "." not in signs else "A"
        if DIGITS.search(text):
            signs += "7"
    return signs


def _email(text: str) -> tuple[str, int]:
    return EMAIL.subn("<EMAIL>", text) if "@" in text else (text, 0)


def _ssn(text: str) -> tuple[str, int]:
    return SSN.subn("<SSN>", text) if "-" in text else (text, 0)


def _iban(text: str) -> tuple[str, int]:
    if not IBAN_SIGN.search(text):
        return text, 0
    count = 0

    def swap(match: re.Match[str]) -> str:
        nonlocal count
        words = match[0].split(" ")
        # The pattern also takes short words that follow: drop them until the number is valid.
        for end in range(len(words), 0, -1):
            if _is_iban("".join(words[:end])):
                count += 1
                return " ".join(["<IBAN>", *words[end:]])
        return match[0]

    return IBAN.sub(swap, text), count


def _card(text: str) -> tuple[str, int]:
    count = 0

    def swap(match: re.Match[str]) -> str:
        nonlocal count
        digits, pieces, done = match[0], [], 0
        for start, end in cards(digits):
            pieces += [digits[done:start], "<CARD>"]
            done, count = end, count + 1
        return "".join((*pieces, digits[done:]))

    return DIGIT_GROUPS.sub(swap, text), count


def _ip(text: str) -> tuple[str, int]:
    count = 0
    if text.count(".") >= 3:
        text, count = _checked(IPV4, "<IP>", _is_address, text)
    if text.count(":") >= 2:
        text, more = _checked(IPV6, "<IP>", _is_address, text)
        count += more
    return text, count


def _phone(text: str, region: str) -> tuple[str, int]:
    if not DIGITS.search(text):
        return text, 0
    import phonenumbers

    found = list(phonenumbers.PhoneNumberMatcher(text, region))
    for match in reversed(found):
        text = text[: match.start] + "<PHONE>" + text[match.end :]
    text, more = PHONE.subn("<PHONE>", text)
    return text, len(found) + more


def _checked(pattern: re.Pattern[str], tag: str, valid: Callable[[str], bool], text: str) -> tuple[str, int]:
    count = 0

    def swap(match: re.Match[str]) -> str:
        nonlocal count
        if not valid(match[0]):
            return match[0]
        count += 1
        return tag

    return pattern.sub(swap, text), count


def _is_iban(text: str) -> bool:
    """ISO 7064 mod 97 over the rearranged account number."""
    bare = text.upper()
    turned = bare[4:] + bare[:4]
    return 15 <= len(bare) <= 34 and int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text != "::"
