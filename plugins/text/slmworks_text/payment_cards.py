"""Payment cards among the digits of a text; numbers beside a card are no part of it."""

import re
from collections.abc import Iterator

from slmworks_text.written_forms import AFTER, LATIN

BETWEEN = "(?: ?[./_+-] ?| {1,2})"
"""What separates the groups of a card; web forms send a blank as a plus sign."""
DIGIT_GROUPS = re.compile(
    rf"[0-9](?<![0-9{LATIN}+].)(?=(?:{BETWEEN}?[0-9]){{11}})[0-9]*+(?:{BETWEEN}[0-9]++)*{AFTER}"
)
"""Groups of digits, at least twelve digits together."""
GROUP = re.compile("[0-9]+")
PLAIN = re.compile("[0-9 -]+")
PRINTED = re.compile(
    r"\d{12,19}|(?:\d{4}[ -]{0,3}){4}\d{0,3}|\d{4}[ -]{0,3}\d{6}[ -]{0,3}\d{4,5}"
    r"|\d{4}( ?[./_+] ?)(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{6}\1\d{4,5})",
    re.ASCII,
)
"""A card as it is printed: in one piece, in fours, or 4-6-5; dots, slashes and the like all alike."""
MOST_GROUPS = 5
"""Of a printed card."""
SCHEMES = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}"  # American Express, Diners Club
    r"|35\d{14,17}|(?:1800|2131)\d{11}"  # JCB
    r"|(?:50|5[6-9]|6\d)\d{10,17}"  # Maestro, Discover, UnionPay, Elo, Verve
    r"|220[0-4]\d{12,15}|8[12]\d{14}|9792\d{12}",  # Mir, RuPay, Troy
    re.ASCII,
)
"""Beginnings of numbers that card schemes use, with their lengths; a telephone's IMEI has neither."""


def cards(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each card of a text in ASCII forms."""
    for match in DIGIT_GROUPS.finditer(text):
        for start, end in cards_among(match[0]):
            yield match.start() + start, match.start() + end


def cards_among(digits: str) -> list[tuple[int, int]]:
    """Start and end of each card among groups of digits.

    All of them may be one card, however grouped. A part must be grouped as cards are, because one in ten
    stretches of any digits satisfies Luhn; parts that overlap are taken together, so that none is left half.
    """
    if PLAIN.fullmatch(digits) and is_card(digits):
        return [(0, len(digits))]
    found: list[tuple[int, int]] = []
    for start, end in _printed(digits):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def is_card(text: str) -> bool:
    """12 to 19 digits as a card scheme gives them out, Luhn's check, and not all alike."""
    bare = "".join(GROUP.findall(text))
    if not SCHEMES.fullmatch(bare) or len(set(bare)) == 1:
        return False
    digits = [int(char) for char in reversed(bare)]
    return sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)) % 10 == 0


def _printed(digits: str) -> Iterator[tuple[int, int]]:
    """Start and end of the stretches of whole groups that are valid and grouped as cards are."""
    groups = [match.span() for match in GROUP.finditer(digits)]
    for first, (start, own_end) in enumerate(groups):
        if digits[start - 1 : start] == "." and own_end - start >= 12:
            continue  # decimals
        for _, end in groups[first : first + MOST_GROUPS]:
            if PRINTED.fullmatch(digits, start, end) and is_card(digits[start:end]):
                yield start, end
