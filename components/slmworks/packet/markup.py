"""HTML that cannot forget to escape: text is escaped unless an element was made of it here.

What can't be seen in a text (control characters, marks of direction) is made visible.
"""

from collections.abc import Collection, Iterable, Mapping
from html import escape
from importlib.resources import files
from string import Template

from slmworks.contract.plain_text import visible


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(name: str, *children: object, **attributes: object) -> Html:
    """An element. Children that are not `Html` are escaped; `class_` and `stroke_width` lose their `_`."""
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{head}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Several pieces behind one another."""
    return Html("".join(one if isinstance(one, Html) else _escaped(one) for one in children))


def grid(
    headings: Iterable[object],
    rows: Iterable[Iterable[object]],
    *,
    text: Collection[int] = (0,),
    label: str = "",
) -> Html:
    """A table; the columns counted in `text` are set to the left, all others as numbers.

    It can be scrolled sideways, so it takes the keyboard's focus and says by `label` what it is.
    """

    def line(cells: Iterable[object], tag: str) -> Html:
        return el("tr", *(el(tag, cell, class_="t" if i in text else "n") for i, cell in enumerate(cells)))

    body = [line(row, "td") for row in rows]
    drawn = el("table", el("thead", line(headings, "th")), el("tbody", *body))
    named = {"role": "region", "aria_label": label, "tabindex": 0} if label else {}
    return el("div", drawn, class_="wide", **named)


def whole_page(title: str, sections: Iterable[Html | None]) -> str:
    """A page of sections, without scripts and with nothing loaded from anywhere; empty ones are left out."""
    template = Template(files("slmworks.packet").joinpath("page.html").read_text(encoding="utf-8"))
    body = join(el("section", one) for one in sections if one)
    return template.substitute(title=_escaped(title), body=body)


def details(title: str, *children: object, opened: bool = False) -> Html:
    """A part that can be folded, by mouse or keyboard; `opened` at first or not."""
    shown = {"open": ""} if opened else {}
    return el("details", el("summary", title), *children, **shown)


def interval(
    estimate: Mapping[str, float], span: tuple[float, float], *, strong: bool = False, zero: bool = False
) -> Html:
    """A dot in its 95 % interval on a line from `span[0]` to `span[1]`, as inline SVG; `zero` marks the 0."""
    width, height = 130, 14

    def at(value: float) -> str:
        share = (value - span[0]) / max(span[1] - span[0], 1e-9)
        return f"{4 + (width - 8) * min(max(share, 0), 1):.1f}"

    kind = "strong" if strong else "weak"
    middle = height // 2
    mark = [el("line", x1=at(0), x2=at(0), y1=0, y2=height, class_="zero")] if zero else []
    return el(
        "svg",
        el("line", x1=4, x2=width - 4, y1=middle, y2=middle, class_="axis"),
        *mark,
        el(
            "line", x1=at(estimate["low"]), x2=at(estimate["high"]), y1=middle, y2=middle, class_=f"ci {kind}"
        ),
        _spot(at(estimate["value"]), middle, kind, outside=_outside(estimate["value"], span)),
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        aria_hidden="true",  # the numbers stand beside it
    )


def _outside(value: float, span: tuple[float, float]) -> int:
    """-1 left of a line, 1 right of it, 0 on it."""
    return (value > span[1]) - (value < span[0])


def _spot(x: str, y: int, kind: str, *, outside: int) -> Html:
    """A dot, or an arrow at the end of the line beyond which the value lies."""
    if not outside:
        return el("circle", cx=x, cy=y, r=4, class_=kind)
    tip = float(x) + 4 * outside
    points = f"{tip:.1f},{y} {x},{y - 4} {x},{y + 4}"
    return el("polygon", points=points, class_=f"arrow {kind}")


def bar(share: float) -> Html:
    """A share from 0 to 1 as a bar."""
    return el("span", el("i", style=f"width:{100 * min(max(share, 0), 1):.1f}%"), class_="bar")


def span_of(estimates: Iterable[Mapping[str, float]]) -> tuple[float, float]:
    """A common axis for several intervals, with a little room; that of shares ends at 0 and 1."""
    found = list(estimates)
    low, high = min(one["low"] for one in found), max(one["high"] for one in found)
    room = 0.04 * max(high - low, 0.01)
    if low < 0 or high > 1:
        return low - room, high + room
    return max(low - room, 0.0), min(high + room, 1.0)


def _escaped(text: object) -> str:
    return escape(visible(text))
