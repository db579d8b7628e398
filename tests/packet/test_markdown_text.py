"""Markdown with text of others in it, read by a Markdown parser: it says what they wrote, and nothing is live."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreign import active, acts, squeezed, texts, without_space
from rendered import Page
from slmworks.packet.markdown_text import code, cut, escaped, fenced, paragraph, table

ADDRESS = re.compile(r"https?://|www\.|[^\s]@[^\s]|(?:^|\s)@[a-z]|mailto:", re.IGNORECASE)
"""What GitHub's flavour and showdown make links of, wherever it stands outside code."""


@given(texts)
def test_a_text_is_one_line_that_reads_as_it_was_written(text) -> None:
    made = escaped(text)
    assert "\n" not in made
    page = Page(f"Said: {made} **end**")
    assert set(page.tags) <= {"p", "code", "strong"}
    assert page.tags.count("strong") == 1
    assert without_space(page.text) == f"Said:{squeezed(text)}end"
    assert not ADDRESS.search(page.plain)
    assert active(made) == set()


@given(texts)
def test_a_text_at_the_start_of_a_line_begins_nothing(text) -> None:
    page = Page(f"before\n\n{paragraph(text)}\n\nbehind")
    assert set(page.tags) <= {"p", "code"}
    assert without_space(page.text) == f"before{squeezed(text)}behind"


@given(texts, texts, texts)
def test_cells_stay_in_their_column(a, b, c) -> None:
    page = Page(table(("x", a), [(b, "1"), ("2", c)], numbers=1))
    assert [tag for tag in page.tags if tag not in ("code", "table", "thead", "tbody")] == [
        *("tr", "th", "th"), *("tr", "td", "td"), *("tr", "td", "td"),
    ]  # fmt: skip
    assert without_space(page.text) == f"x{squeezed(a)}{squeezed(b)}12{squeezed(c)}"
    assert not ADDRESS.search(page.plain)


@given(texts)
def test_code_reads_as_it_was_written(text) -> None:
    if not text.strip():
        return
    page = Page(f"x {code(text)} y")
    assert page.tags == ["p", "code"]
    assert without_space(page.text) == f"x{squeezed(text)}y"


@given(texts)
def test_nothing_in_a_block_of_code_ends_it(text) -> None:
    page = Page(f"before\n\n{fenced(text, 'json')}\n\nbehind")
    assert page.tags == ["p", "pre", "code", "p"]
    kept = text.replace("\r\n", "\n")
    seen = (acts(sign) and sign not in "\n\t" for sign in kept)
    written = "".join(f"{sign!a}"[1:-1] if hidden else sign for sign, hidden in zip(kept, seen, strict=True))
    assert without_space(page.text) == f"before{without_space(written)}behind"
    assert active(page.text) == set()


@given(texts.map(lambda text: text * 20), st.integers(1, 200))
def test_a_long_text_ends_where_it_must(text, most) -> None:
    made = escaped(text, most)
    assert len(made) <= most
    assert made == escaped(text) or made.endswith("…")
    assert set(Page(f"x {made} y").tags) <= {"p", "code"}


@given(st.lists(texts, min_size=1, max_size=12), st.integers(40, 600))
def test_what_is_cut_is_whole_lines_with_every_block_closed(blocks, most) -> None:
    parts = [
        part for text in blocks for part in (f"Said {escaped(text)}", fenced(text), table(("a",), [(text,)]))
    ]
    whole = "\n\n".join(parts)
    shown = cut(whole, most, "… the rest")
    assert len(shown) <= max(most, 12)
    assert shown == whole or shown.endswith("\n… the rest")
    page = Page(shown)
    assert page.plain.rstrip().endswith("… the rest") or shown == whole
    assert not {"a", "img", "script", "h1", "li"} & set(page.tags)


def test_reading_is_easy_where_nothing_can_go_wrong() -> None:
    assert escaped("approved on 2026-01-02: F1 0.81 (+0.02), path C:/x") == (
        "approved on 2026-01-02: F1 0.81 (+0.02), path C:/x"
    )
    assert (
        escaped("see [ticket-12]\n\nand http://e.example/a_b")
        == r"see \[ticket-12\] and `http://e.example/a_b`"
    )


@pytest.mark.parametrize("text", ["- item", "# head", "1. one", "12) twelve", "=== x", "+ plus"])
def test_a_paragraph_is_no_list_and_no_heading(text) -> None:
    assert Page(paragraph(text)).tags == ["p"]
