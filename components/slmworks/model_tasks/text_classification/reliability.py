"""Calibration of a classifier, as a part of the reviewer's page: reliability diagrams and errors."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join

SIDE, EDGE, TOP = 240, 34, 12
"""Length of an axis, room for its labels, and room for the largest dot; in pixels."""


def calibration(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Reliability diagrams of candidate and teacher (DeGroot & Fienberg, 1983), and their errors."""
    judged = {"candidate": candidate, "teacher": teacher}
    known = {
        name: scores["details"]["calibration"]
        for name, scores in judged.items()
        if scores and "calibration" in scores["details"]
    }
    if "candidate" not in known:
        return Html("")
    lines = [
        [name, *(figures.score(found[key]) for key in ("ece", "ece_equal_mass", "brier", "nll"))]
        for name, found in known.items()
    ]
    headings = ("", "calibration error", "with bins of equal mass", "Brier score", "log loss")
    diagrams = [el("figure", _diagram(name, found), el("figcaption", name)) for name, found in known.items()]
    note = (
        "Where dots lie below the diagonal, the model is surer than it is right. A dot is a bin of answers, "
        "the larger the more rows; calibration error: mean gap to the diagonal (Guo et al., 2017)."
    )
    return join(
        [
            el("h2", "Calibration"),
            grid(headings, lines, label="Calibration"),
            el("div", *diagrams, class_="pictures"),
            el("p", note, class_="soft"),
        ]
    )


def _diagram(name: str, found: Mapping[str, Any]) -> Html:
    full = max(one["n"] for one in found["bins"])
    words = f"Reliability of the {name}: calibration error {figures.score(found['ece'])}"
    ticks = [piece for share in (0.0, 0.5, 1.0) for piece in _ticks(share)]
    dots = [
        el(
            "circle",
            el(
                "title",
                f"{figures.count(one['n'])} rows, {figures.percent(one['confidence'])} sure, "
                f"{figures.percent(one['accuracy'])} right",
            ),
            cx=_x(one["confidence"]),
            cy=_y(one["accuracy"]),
            r=f"{2 + 8 * (one['n'] / full) ** 0.5:.1f}",
            class_="strong dot" if name == "candidate" else "weak dot",
        )
        for one in found["bins"]
    ]
    return el(
        "svg",
        el("title", words),
        el("rect", x=EDGE, y=TOP, width=SIDE, height=SIDE, class_="frame"),
        el("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="axis dashed"),
        *ticks,
        *dots,
        el("text", "how sure", x=EDGE + SIDE / 2, y=SIDE + TOP + EDGE - 4, class_="axis-title"),
        el("text", "how often right", x=0, y=0, transform=f"translate(10 {TOP + SIDE / 2}) rotate(-90)",
           class_="axis-title"),
        width=SIDE + EDGE + 12,
        height=SIDE + EDGE + TOP,
        viewBox=f"0 0 {SIDE + EDGE + 12} {SIDE + EDGE + TOP}",
        role="img",
        aria_label=words,
    )  # fmt: skip


def _ticks(share: float) -> list[Html]:
    written = f"{share:g}"
    return [
        el("text", written, x=_x(share), y=SIDE + TOP + 14, class_="tick"),
        el("text", written, x=EDGE - 10, y=f"{float(_y(share)) + 4:.1f}", class_="tick"),
    ]


def _x(share: float) -> str:
    return f"{EDGE + share * SIDE:.1f}"


def _y(share: float) -> str:
    return f"{TOP + (1 - share) * SIDE:.1f}"
