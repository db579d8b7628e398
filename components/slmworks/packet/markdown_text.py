"""Markdown in which text of others stands as it was written: no markup, HTML, link or image of it is live.

For what MLflow (showdown) and Airflow (GitHub's flavour) make of it. Both turn bare addresses and `@names`
into links whatever is escaped in them, but never inside a code span.
"""

import re
from collections.abc import Iterable, Sequence

from slmworks.contract.plain_text import one_line, visible


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


_WORD = re.compile(r"\||[^\s|]+")
_LIVE = re.compile(r"://|www\.|mailto:|xmpp:|@", re.IGNORECASE)
_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {sign: f"\\{sign}" for sign in r"\`*_[]|~"}
_TICKS = re.compile("`+")
_FENCE = re.compile("`{3,}")
_BLOCK = re.compile(r"\d*(?=[#+=.)-])")
"""What may stand before a sign at the start of a line that makes it a heading, a list or a rule."""


def escaped(text: object, most: int = 0) -> Markdown:
    """The text on one line of Markdown, for cells and the middle of a line.

    `most`: the longest that the result may be, in characters; a longer text ends with `…`. 0: no limit.
    """
    shown = one_line(text)
    made = _escaped(shown)
    while most and len(made) > most:
        shown = shown[: min(len(shown) - 1, len(shown) * most // len(made))]
        made = _escaped(shown.rstrip()) + "…"
    return Markdown(made)


def paragraph(text: object) -> Markdown:
    """`escaped` for the start of a line: it makes no heading, list or rule."""
    made = escaped(text)
    found = _BLOCK.match(made)
    return Markdown(f"{found[0]}\\{made[found.end() :]}") if found else made


def code(text: object) -> Markdown:
    """A code span on one line; not for cells of a table, where a `|` would end it."""
    shown = one_line(text)
    ticks = "`" * _beyond(shown, 1)
    room = " " if shown.startswith("`") or shown.endswith("`") else ""
    return Markdown(f"{ticks}{room}{shown}{room}{ticks}")


def fenced(text: object, language: str = "") -> Markdown:
    """A block of code. Its fence is longer than any run of backticks in the text, so none of them ends it."""
    shown = visible(text).rstrip("\n")
    fence = "`" * _beyond(shown, 3)
    return Markdown(f"{fence}{language}\n{shown}\n{fence}")


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], *, numbers: int = 0) -> Markdown:
    """A table, its last `numbers` columns set to the right. Cells are escaped unless they are `Markdown`."""
    sides = ["---"] * (len(headings) - numbers) + ["---:"] * numbers
    return Markdown("\n".join([_row(headings), "|" + "|".join(sides) + "|", *map(_row, rows)]))


def cut(markdown: str, most: int, rest: str) -> str:
    """The first whole lines, in at most `most` characters; then `rest`, which says where all of it is.

    A block of code that is cut through is closed. What is short enough comes back as it is.
    """
    if len(markdown) <= most:
        return markdown
    kept: list[str] = []
    left, fence = most - len(rest) - 1, ""
    for line in markdown.split("\n"):
        within = _fence_behind(line, fence)
        if len(line) + 1 + (len(within) + 1 if within else 0) > left:
            break
        kept.append(line)
        left -= len(line) + 1
        fence = within
    return "\n".join([*kept, *([fence] if fence else []), "", rest])


def _fence_behind(line: str, fence: str) -> str:
    """The fence of the block that is open behind a line; `fence`: before it."""
    found = _FENCE.match(line)
    if found is None or (fence and line.rstrip() != fence):
        return fence
    return "" if fence else found[0]


def _escaped(line: str) -> str:
    return _WORD.sub(lambda word: code(word[0]) if _LIVE.search(word[0]) else _plain(word[0]), line)


def _plain(word: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in word)


def _beyond(text: str, least: int) -> int:
    """A number of backticks that no run of them in the text has; at least `least`."""
    return max([least, *(len(run) + 1 for run in _TICKS.findall(text))])


def _row(cells: Iterable[object]) -> str:
    written = (cell if isinstance(cell, Markdown) else escaped(cell) for cell in cells)
    return f"| {' | '.join(written)} |"
