"""Payment cards among the digits of a text; numbers beside a card are no part of it."""

import re
from collections.abc import Iterator

DIGIT_GROUPS = re.compile(r"(?<![\w.+-])(?=\d(?:[ -]?\d){11})\d++(?:[ -]\d++)*(?![\w-])")
"""Groups of digits, at least twelve digits together."""
GROUP = re.compile(r"\d+")
PRINTED = re.compile(r"\d{12,19}|(?:\d{4}[ -]?){4}\d{0,3}|\d{4}[ -]?\d{6}[ -]?\d{4,5}")
"""A card as it is printed: in one piece, in fours, or 4-6-5."""
MOST_GROUPS = 5
"""Of a printed card."""


def cards(digits: str) -> list[tuple[int, int]]:
    """Start and end of each card among groups of digits.

    All of them may be one card, however grouped. A part must be grouped as cards are, because one in ten
    stretches of any digits satisfies Luhn; parts that overlap are taken together, so that none is left half.
    """
    if is_card(digits):
        return [(0, len(digits))]
    found: list[tuple[int, int]] = []
    for start, end in _printed(digits):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def is_card(text: str) -> bool:
    """12 to 19 digits, Luhn's check, and a beginning that card schemes use.

    1800 is an old one of JCB; 20 is nobody's, and how years in a row begin.
    """
    digits = [int(char) for char in text if char.isdigit()]
    if not 12 <= len(digits) <= 19:
        return False
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    first = (5, 6) if len(digits) == 12 else (2, 3, 4, 5, 6)
    known = (digits[0] in first and digits[:2] != [2, 0]) or digits[:4] == [1, 8, 0, 0]
    return known and sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _printed(digits: str) -> Iterator[tuple[int, int]]:
    """Start and end of the stretches of whole groups that are valid and grouped as cards are."""
    groups = [match.span() for match in GROUP.finditer(digits)]
    for first, (start, _) in enumerate(groups):
        for _, end in groups[first : first + MOST_GROUPS]:
            if PRINTED.fullmatch(digits, start, end) and is_card(digits[start:end]):
                yield start, end
