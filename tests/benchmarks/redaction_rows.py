"""Labelled texts with invented personal data in ten languages, and texts with numbers that are none.

Sentences are in `redaction/sentences.json`; numbers are drawn, with the checks that real ones satisfy, and written
in the forms that people use. These are the forms that slmworks looks for: recall tells what another tool doesn't
look for, not how much stays in real texts. The same rows for the same count.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SENTENCES = Path(__file__).parent / "redaction" / "sentences.json"
NO_BREAK, EN_DASH = "\u00a0", "\u2013"
SEPARATORS = ["", " ", "-", ".", NO_BREAK, EN_DASH]
"""Of card and account numbers; a card's may also be an underscore or a slash."""
SCHEMES = [("4", 16), ("51", 16), ("2221", 16), ("62", 16), ("6011", 16), ("37", 15), ("5018", 13)]
"""Beginnings and lengths of cards."""
ACCOUNTS = {
    "DE": "n18", "FR": "n10c11n2", "ES": "n20", "HU": "n24", "TR": "n6c16", "GB": "a4n14", "NL": "a4n10", "PL": "n24",
}  # fmt: skip
"""Country -> what follows the check digits: digits, letters, both."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DRAWN = {"n": "0123456789", "a": LETTERS, "c": "0123456789" + LETTERS}
NAMES = ["maria", "john", "k.weber", "li.na", "anna_k", "o'neill", "j.smith+shop", "info", "peter99"]
DOMAINS = ["example.com", "mail.example.org", "example.co.uk", "shop.example.de", "my_shop.example.net"]


class Labelled(NamedTuple):
    """A text, the region for its telephone numbers, and where which kind stands."""

    text: str
    region: str
    spans: list[tuple[int, int, str]]


def rows(draws: int) -> list[Labelled]:
    """Each sentence so many times, each time with another number."""
    chance = random.Random(0)
    languages = json.loads(SENTENCES.read_text(encoding="utf-8"))
    return [row for language in languages for row in _rows(language, draws, chance)]


def _rows(language: dict[str, Any], draws: int, chance: random.Random) -> Iterator[Labelled]:
    region = str(language["region"])
    drawers: dict[str, Callable[[], str]] = {
        "card": lambda: card(chance),
        "iban": lambda: iban(chance, region),
        "email": lambda: email(chance, language["names"]),
        "ip": lambda: ip(chance),
        "ssn": lambda: ssn(chance),
        "phone": lambda: phone(chance, region),
    }
    for kind, drawer in drawers.items():
        for sentence in language[kind]:
            before, after = sentence.split("{}")
            for _ in range(draws):
                value = drawer()
                span = (len(before), len(before) + len(value), kind)
                yield Labelled(before + value + after, region, [span])
    for name, sentences in language["none"].items():
        for sentence in sentences:
            yield from (
                Labelled(sentence.replace("{}", NONE[name](chance)), region, []) for _ in range(draws)
            )


def digits(chance: random.Random, count: int) -> str:
    """So many digits."""
    return "".join(chance.choices("0123456789", k=count))


def grouped(text: str, sizes: list[int], separator: str) -> str:
    """The text in groups of these sizes, the last as long as it gets."""
    pieces, done = [], 0
    for size in sizes:
        pieces.append(text[done : done + size])
        done += size
    return separator.join(piece for piece in (*pieces, text[done:]) if piece)


def luhn(bare: str) -> str:
    """The number with the check digit of ISO/IEC 7812."""
    doubled = [int(char) * (2 - i % 2) for i, char in enumerate(reversed(bare))]
    return bare + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def card(chance: random.Random) -> str:
    """A payment card."""
    start, length = chance.choice(SCHEMES)
    bare = luhn(start + digits(chance, length - len(start) - 1))
    sizes = [4, 6] if length == 15 else [4, 4, 4]
    return grouped(bare, sizes, "" if length == 13 else chance.choice([*SEPARATORS, "_", "/"]))


def iban(chance: random.Random, region: str) -> str:
    """An account number of the region's country, where it has them, or of another."""
    country = region if region in ACCOUNTS else chance.choice(sorted(ACCOUNTS))
    form = ACCOUNTS[country]
    parts = [(char, "") for char in form if char in DRAWN]
    sizes = [int(size) for size in "".join(c if c.isdigit() else " " for c in form).split()]
    account = "".join(
        "".join(chance.choices(DRAWN[part], k=size)) for (part, _), size in zip(parts, sizes, strict=True)
    )
    number = int("".join(str(int(char, 36)) for char in f"{account}{country}00"))
    bare = f"{country}{98 - number % 97:02}{account}"
    text = grouped(bare, [4] * (len(bare) // 4), chance.choice(SEPARATORS))
    return f"{text[:2]} {text[2:]}" if chance.random() < 0.1 else text


def email(chance: random.Random, local: Sequence[str]) -> str:
    """An e-mail address; one in five in a rarer form."""
    domain = chance.choice(DOMAINS)
    name = chance.choice(NAMES)
    rare = [
        f"{name}%40{domain}",
        f'"{name} jr"@{domain}',
        f"{name}&co@{domain}",
        f"{chance.choice(local)}@{domain}",
    ]
    return chance.choice(rare) if chance.random() < 0.2 else f"{name}@{domain}"


def ip(chance: random.Random) -> str:
    """An IP address; one in three of version 6."""
    if chance.random() > 1 / 3:
        return ".".join(str(chance.randrange(1, 255)) for _ in range(4))
    words = [f"{chance.randrange(1, 65536):x}" for _ in range(6)]
    return chance.choice(
        [f"2001:db8:{':'.join(words)}", f"2001:db8::{words[0]}", f"fe80::{words[1]}:{words[2]}"]
    )


def ssn(chance: random.Random) -> str:
    """A social security number of the United States."""
    parts = [
        chance.choice([*range(1, 666), *range(667, 900)]),
        chance.randrange(1, 100),
        chance.randrange(1, 10_000),
    ]
    separator = chance.choice(["-", "-", "-", " ", EN_DASH])
    return separator.join(f"{part:0{width}}" for part, width in zip(parts, (3, 2, 4), strict=True))


def phone(chance: random.Random, region: str) -> str:
    """A telephone number of the region as it is written there, or abroad."""
    import phonenumbers as pn

    example = pn.example_number_for_type(
        region, chance.choice([pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE])
    )
    assert example is not None
    number = example
    for _ in range(20):
        drawn = str(example.national_number)[:-4] + digits(chance, 4)
        number = pn.PhoneNumber(country_code=example.country_code, national_number=int(drawn))
        if pn.is_valid_number(number):
            break
    form = chance.choice(
        [pn.PhoneNumberFormat.NATIONAL, pn.PhoneNumberFormat.INTERNATIONAL, pn.PhoneNumberFormat.E164]
    )
    return str(pn.format_number(number, form))


def _order(chance: random.Random) -> str:
    year = chance.randrange(2015, 2027)
    return chance.choice([
        f"{year}-{digits(chance, 4)}-{digits(chance, 6)}", f"3{digits(chance, 2)}-{digits(chance, 7)}-{digits(chance, 7)}",
        digits(chance, 10), digits(chance, 16), f"A{digits(chance, 12)}", f"{year}{digits(chance, 8)}",
    ])  # fmt: skip


def _version(chance: random.Random) -> str:
    one = [str(chance.randrange(0, 30)) for _ in range(3)]
    return chance.choice(
        [".".join(one), f"v{'.'.join(one)}.4", f"{one[0]}.0.{chance.randrange(1000, 9999)}.{one[1]}"]
    )


def _isbn(chance: random.Random) -> str:
    bare = "978" + digits(chance, 9)
    bare += str(-sum(int(char) * (3 if i % 2 else 1) for i, char in enumerate(bare)) % 10)
    return chance.choice([bare, grouped(bare, [3, 1, 5, 3], "-"), grouped(bare, [3, 1, 5, 3], " ")])


def _time(chance: random.Random) -> str:
    hour, minute, second = chance.randrange(24), chance.randrange(60), chance.randrange(60)
    day, month, year = chance.randrange(1, 29), chance.randrange(1, 13), chance.randrange(1990, 2030)
    return chance.choice([
        f"{hour:02}:{minute:02}:{second:02}", f"{day:02}.{month:02}.{year} {hour:02}.{minute:02}.{second:02}",
        f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{digits(chance, 3)}Z",
        f"{day:02}/{month:02}/{year} {hour}:{minute:02}", f"1{digits(chance, 12)}",
    ])  # fmt: skip


def _price(chance: random.Random) -> str:
    return chance.choice([
        f"{chance.randrange(1, 99)}.{digits(chance, 3)}.{digits(chance, 3)},{digits(chance, 2)}",
        f"{chance.randrange(1, 999)},{digits(chance, 3)}.{digits(chance, 2)}",
        f"{chance.randrange(1, 99)} {digits(chance, 3)} {digits(chance, 3)}",
    ])  # fmt: skip


def _code(chance: random.Random) -> str:
    pair = [f"{chance.randrange(256):02X}" for _ in range(6)]
    return chance.choice([
        "abc::def", "std::map<a::b>", "icon@2x.png", f"left-pad@1.{chance.randrange(9)}.0", ":".join(pair),
        luhn("35" + digits(chance, 12)), f"0.{digits(chance, 16)}", f"{digits(chance, 2)}.{digits(chance, 7)}",
        f"{chance.getrandbits(160):040x}", "KD20 İNDİRİMLİ FİYAT",
    ])  # fmt: skip


NONE = {"order": _order, "version": _version, "isbn": _isbn, "time": _time, "price": _price, "code": _code}
"""Name -> numbers that are no personal data: `code` also has names, a telephone's IMEI, decimals and hashes."""
