"""International bank account numbers (IBAN, ISO 13616): country, its length, and the check of ISO 7064."""

import re
from collections.abc import Iterator
from functools import cache

from slmworks_text.written_forms import AFTER, BEFORE

LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "AO CV GW LY MZ PT ST", 26: "DZ IR IS TR",
        27: "BI CF CG CM DJ FR GA GQ GR IT KM MC MG MR SM TD",
        28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA ML NE NI PL SN SV TG", 29: "BR EG PS QA UA",
        30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Country -> letters and digits of an account number: those of the registry, and others that print them."""
BETWEEN = "[ ._/-]{0,2}"
"""What separates groups."""
CHECK = re.compile(rf"[0-9](?:(?<=[A-Za-z][A-Za-z].)|(?<=[A-Z][A-Z][ .-].))[0-9](?={BETWEEN}[0-9A-Za-z])")
"""Check digits after a country; only capitals may stand apart, as in `DE 89`, for `no 12` is a number."""
START = re.compile(f"{BEFORE}|(?<=[Ii][Bb][Aa][Nn])")


def ibans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each account number of a text in ASCII forms, in one piece or in groups."""
    done = 0
    for check in CHECK.finditer(text):
        start = check.start() - (2 if text[check.start() - 1].isalpha() else 3)
        length = LENGTHS.get(text[start : start + 2].upper())
        if not length or start < done or not START.match(text, start):
            continue
        rest = _rest(length - 4).match(text, check.end())
        if rest and _is_valid(text[start : rest.end()]):
            done = rest.end()
            yield start, done


@cache
def _rest(length: int) -> re.Pattern[str]:
    """So many letters and digits, and what separates them."""
    return re.compile(rf"(?:{BETWEEN}[0-9A-Za-z]){{{length}}}{AFTER}")


def _is_valid(iban: str) -> bool:
    """ISO 7064 mod 97 over the rearranged account number."""
    bare = re.sub("[^0-9A-Za-z]", "", iban)
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1
