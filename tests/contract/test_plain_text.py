"""What others wrote is shown as they wrote it, and does nothing."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreign import active, acts, squeezed, texts, without_space
from slmworks.contract.errors import BadRequest, exit_of
from slmworks.contract.plain_text import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see [ticket-12] in C:\\data", "see [ticket-12] in C:\\data"),
        ("a\x1b[2Jb\x00", "a\\x1b[2Jb\\x00"),
        ("safe\u202egpj.exe", "safe\\u202egpj.exe"),
        ("two\r\nlines\tand\rthis", "two\nlines\tand\\rthis"),
        ("n\udce9.csv", "n\\udce9.csv"),  # a file's name that is no UTF-8
        ("12\u00a0% · 👩\u200d💻 · می\u200cخواهم", "12\u00a0% · 👩\u200d💻 · می\u200cخواهم"),
    ],
)
def test_only_what_acts_or_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(texts | st.text(st.characters()))  # with halves of characters too
def test_nothing_acts_nothing_is_lost_and_twice_is_once(text: str) -> None:
    shown, line = visible(text), one_line(text)
    assert active(shown) == active(line) == set()
    assert without_space(line) == squeezed(text)
    left = iter(shown)
    assert all(sign in left for sign in text.replace("\r\n", "\n") if not acts(sign) or sign in "\n\t")
    assert (visible(shown), one_line(line)) == (shown, line)
    assert line == line.strip()
    assert "\n" not in line
    io.TextIOWrapper(io.BytesIO(), encoding="utf-8").write(shown)


def test_the_line_of_an_error_shows_what_was_typed() -> None:
    line, code = exit_of(BadRequest("no model 'a\x1b[2J[/b]'."))
    assert (line, code) == ("slmworks: no model 'a\\x1b[2J[/b]'.", 2)
    assert (
        exit_of(FileNotFoundError(2, "No such file", "n\udce9.csv"))[0]
        == "slmworks: n\\udce9.csv: No such file"
    )
