"""What errors say."""

import pytest

from slmworks.contract.errors import with_article


@pytest.mark.parametrize(
    ("noun", "wanted"),
    [
        ("dataset", "a dataset"),
        ("export plugin", "an export plugin"),
        ("Evaluate", "an Evaluate"),
    ],
)
def test_a_noun_has_its_article(noun: str, wanted: str) -> None:
    assert with_article(noun) == wanted
