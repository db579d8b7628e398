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
    "text",
    [
        "order 4111 1111 1111 1112 is late",
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


def test_counts_and_choice() -> None:
    text, counts = Redactor(["email"], "US").redact("a@b.org c@d.org 192.168.1.20")
    assert text == "<EMAIL> <EMAIL> 192.168.1.20"
    assert counts == {"email": 2}


def test_region_decides_national_numbers() -> None:
    text = "ring 9841 1234 5 or 020 7946 0958"
    assert "0958" not in Redactor(["phone"], "GB").redact(text)[0]
