"""What is taken for personal data, and what isn't."""

import pytest

from slmworks_text.personal import Redactor

ALL = ("email", "phone", "card", "iban", "ip", "ssn")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail john.doe+x@mail.example.co.uk.", "mail <EMAIL>."),
        ("card 4111 1111 1111 1111 thanks", "card <CARD> thanks"),
        ("pay gb82 west 1234 5698 7654 32 today", "pay <IBAN> today"),
        ("pay DE89370400440532013000 to me", "pay <IBAN> to me"),
        ("from 192.168.1.20, then 2001:db8::1", "from <IP>, then <IP>"),
        ("ssn 123-45-6789", "ssn <SSN>"),
        ("call (415) 555-2671 or +44 20 7946 0958", "call <PHONE> or <PHONE>"),
    ],
)
def test_found(text: str, expected: str) -> None:
    assert Redactor(ALL, "US").redact(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111 1111 1111 1111 12/27 cvv 123", "<CARD> 12/27 cvv 123"),
        ("4111 1111 1111 1111 123", "<CARD> 123"),
        ("order 12 4111 1111 1111 1111", "order 12 <CARD>"),
        ("5500-0000-0000-0004 01/25", "<CARD> 01/25"),
        ("4111-1111-1111-1111-123", "<CARD>-123"),
        ("on 2024-05-06 4111111111111111 123", "on 2024-05-06 <CARD> 123"),
        ("3782 822463 10005 1234", "<CARD> 1234"),
        ("4111 1111 1111 1111 5500 0000 0000 0004 12", "<CARD> <CARD> 12"),
        ("+1 415 555 2671 4111 1111 1111 1111", "<PHONE> <CARD>"),  # 2671 4111 1111 1111 is valid as well
    ],
)
def test_a_card_is_found_and_what_stands_beside_it_stays(text: str, expected: str) -> None:
    assert Redactor(ALL, "US").redact(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_john@example.com_ or **john@example.com**", "_<EMAIL>_ or **<EMAIL>**"),
        ("'john@example.com'", "'<EMAIL>'"),
        ("john@example.com2", "<EMAIL>2"),
        ("info@müller.de, müller@example.de", "<EMAIL>, <EMAIL>"),
        ("o'brien@example.com and o’brien@example.com", "<EMAIL> and <EMAIL>"),
        ("иван@пример.рф", "<EMAIL>"),
        ("请联系john@example.com谢谢", "请联系<EMAIL>谢谢"),
    ],
)
def test_an_address_is_replaced_whole_and_nothing_else(text: str, expected: str) -> None:
    assert Redactor(ALL, "US").redact(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 4111 1111 1111 1112 is late",
        "order 4111 1111 1111 1112 123 is late",
        "number 411111111111111141111111111111112345 is none",
        "in 2012 2013 2014 2015 2016 2017 2018 2019",
        "555 1234 646 555 9876 555 0000 212",
        "version 1.2.3 of 2024-05-06 at 12:30:45",
        "it cost 1,234,567 and 10 % more",
        "GB82 WEST 1234 5698 7654 33",
        "300.1.2.3 is no address",
        "000-12-3456",
        "me @ work",
    ],
)
def test_left_alone(text: str) -> None:
    assert Redactor(ALL, "US").redact(text) == (text, {})


def test_long_rows_of_digits_take_no_longer_than_others() -> None:
    for text in ("1" * 200_000, "1234 " * 40_000, "1-" * 100_000 + "x", "a@" * 100_000):
        assert Redactor(["card", "email"], "US").redact(text) == (text, {})  # hours, if it were quadratic


def test_counts_and_choice() -> None:
    text, counts = Redactor(["email"], "US").redact("a@b.org c@d.org 192.168.1.20")
    assert text == "<EMAIL> <EMAIL> 192.168.1.20"
    assert counts == {"email": 2}


def test_region_decides_national_numbers() -> None:
    text = "ring 9841 1234 5 or 020 7946 0958"
    assert "0958" not in Redactor(["phone"], "GB").redact(text)[0]
