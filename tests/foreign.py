"""Text as somebody may write it who means no good, or just writes about paths: all of it harmless."""

import re
import unicodedata

from hypothesis import strategies as st

PIECES = [
    "word", "[/data/x]", "[positive, neutral]", "[bold]", "[/]", "[link=http://e.example]x[/link]", "\\", "/", "\\[",
    "\x1b[2J", "\x1b]0;title\x07", "\x00", "\x7f", "\x9b2J", "\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\u2028", "\r",
    "\n", "\n\n", "\r\n", "\t", "  ", "\n# head", "\n- item", "\n1. item", "\n---", "\n===", "\n    code", "\n> said",
    "`", "``", "```", "\n```\n", "````", "~~~", "|", "|---|", "**bold**", "_i_", "*", "~~s~~",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</p>", "<!--", "&lt;", "&#x202e;", "&",
    "![x](http://e.example/i.png)", "[x](javascript:alert(1))", "[x]: http://e.example", "<http://e.example>",
    "http://e.example/a_b?c=d&e", "HTTPS://e.example", "www.e.example", "@team", "me@e.example", "mailto:me@e.example",
    ":smile:", "Approved in slmworks' log by", "é", "👩\u200d💻", "$x$", "{{ x }}", "%s", "…",
]  # fmt: skip

KEPT = "\u200c\u200d"
DRAWN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), min_size=1, max_size=8).map("".join)
"""Any text."""
reasons = texts.filter(lambda text: bool(text.strip()))
"""Any text in which something is said."""


def acts(sign: str) -> bool:
    """True for a character that steers a terminal, the direction of text, or can't be seen."""
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in KEPT + DRAWN


def active(shown: str) -> set[str]:
    """The characters of an output that a terminal would obey or not show; line ends and tabs are none."""
    return {sign for sign in shown if acts(sign) and sign not in "\n\t"}


def squeezed(text: str) -> str:
    """A text without white space, its active characters as escapes: what must be left of it wherever it is shown."""
    kept = (sign for sign in text if not sign.isspace())
    return "".join(sign.encode("unicode_escape").decode() if acts(sign) else sign for sign in kept)


def without_space(shown: str) -> str:
    """An output without white space: cells are folded, and lines have ends."""
    return re.sub(r"\s+", "", shown)
