"""Telephone numbers, judged by `phonenumbers` (libphonenumber's tables) for one region, and by their form."""

import re
from collections.abc import Iterator

from slmworks_text.written_forms import AFTER, LATIN, hidden

WRITTEN = re.compile(r"[0-9](?:[x ()\[\]./~+\u30fc-]{0,4}[0-9]){6}")
"""Cheap test before longer searches: seven digits, with what stands between those of a telephone number."""
PHONE = re.compile(
    rf"[+(0-9](?<![0-9{LATIN}+].)(?<![0-9][./-].)(?:"
    r"(?<=\+)[0-9][0-9 ().-]{7,16}[0-9]"
    r"|(?<=0)[1-9](?:(?:[ .-][0-9]{2}){4}|[0-9]{1,3}(?:[ .-][0-9]{2,4}){2,3}|[0-9]{0,3}[ /-][0-9]{6,8})"
    r"|(?<=0)[1-9]([ -])(?!(?:19|20)[0-9]{2}\1)[0-9]{3,4}\1[0-9]{4}"
    r"|(?<=\()0?[0-9]{2,4}\) ?[0-9]{3,4}[ .-]?[0-9]{3,4}"
    r"|(?:(?<=0)01[.-][0-9]{3}|(?<=1)[.-][0-9]{3}|(?<=[0-9])[0-9]{2})([.-])[0-9]{3}\2[0-9]{4}"
    rf")(?: ?(?:x|ext\.?) ?[0-9]{{1,6}})?{AFTER}(?!-[0-9])"
)
"""Telephone numbers as people write them anywhere, valid or not: they begin with +, 0 or an area code in
parentheses, or are three, three and four digits; an extension may follow. The first sign stands before what
must not precede it, so that the search passes over other text quickly."""
ABROAD = re.compile(
    rf"0(?<![0-9{LATIN}+].)(?<![0-9][./-].)0 ?([1-9][0-9 ().-]{{7,16}}[0-9]){AFTER}(?!-[0-9])"
)
"""A country's code after 00, as most of the world dials it."""


def phones(text: str, region: str) -> Iterator[tuple[int, int]]:
    """Start and end of each telephone number; national ones are those of the region."""
    if not WRITTEN.search(text):
        return
    import phonenumbers

    found = [(match.start, match.end) for match in phonenumbers.PhoneNumberMatcher(text, region)]
    found += [match.span() for match in ABROAD.finditer(hidden(text, found)) if _is_abroad(match[1])]
    yield from found
    yield from (match.span() for match in PHONE.finditer(hidden(text, found)))


def _is_abroad(number: str) -> bool:
    """A number that its country, whose code it begins with, gives out."""
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{number}"))
    except phonenumbers.NumberParseException:
        return False
