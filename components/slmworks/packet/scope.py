"""Scope on the reviewer's page: what a model declines, what it answers instead, and what that gains."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.scope import TITLES
from slmworks.numbers import figures
from slmworks.packet.markup import Html, details, el, grid, join

MEASURES = ("out_of_scope_auroc", "out_of_scope_recall", "in_scope_recall", "wrong_answer_auroc")
WIDE, HIGH, EDGE, TOP = 360, 220, 52, 14
"""The picture of the curve, and room for its labels, in pixels."""


def section(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None, measure: str) -> Html:
    """Both splits' measures, the curve of `measure`, and examples; empty where nothing was judged.

    `candidate` and `teacher`: what a report says of the split `test`.
    """
    if "scope" not in candidate["details"]:
        return Html("")
    judged = {"candidate": candidate, **({"teacher": teacher} if teacher else {})}
    known = {name: one for name, one in judged.items() if "scope" in one["details"]}
    found = candidate["details"]["scope"]
    return join(
        [
            el("h2", "What is out of its scope"),
            _table(known),
            el("p", _sentence(found), class_="soft"),
            el(
                "div",
                _curve(known, measure, f"{measure} of what is answered"),
                _curve(known, "declined", "out of scope, and declined"),
                class_="pictures",
            ),
            _examples(found.get("examples", {})),
        ]
    )


def _table(known: Mapping[str, Mapping[str, Any]]) -> Html:
    shown = [name for name in MEASURES if any(name in one["measures"] for one in known.values())]
    lines = [
        [
            name,
            *(figures.interval(one["measures"][key]) if key in one["measures"] else figures.NOTHING
              for key in shown),
            one["details"]["scope"]["score"],
        ]
        for name, one in known.items()
    ]  # fmt: skip
    headings = ("", *(TITLES[name] for name in shown), "by")
    return grid(headings, lines, text=(0, len(headings) - 1), label="Scope")


def _sentence(found: Mapping[str, Any]) -> str:
    rows = found["out_of_scope"]
    words = f"Judged on {figures.count(rows)} out-of-scope rows of the test split" if rows else ""
    if "threshold" not in found:
        return f"{words or 'Judged'}; the model ships without a threshold and answers everything."
    least = f"{found['score']} {found['threshold']:.4g}"
    if found["chosen"] == "shipped":
        said = f"The model says that a text is out of its scope below {least}, chosen on validation"
    else:
        said = (
            f"The model ships without a threshold and answers everything; the one judged here, {least}, was "
            "chosen on validation"
        )
    return f"{said}. {words}." if words else f"{said}."


def _curve(known: Mapping[str, Mapping[str, Any]], key: str, title: str) -> Html:
    """A number of the curve's points, with its intervals, against the share of in-scope rows answered."""
    lines = {name: [one for one in found["details"]["scope"]["curve"] if key in one]
             for name, found in known.items()}  # fmt: skip
    points = [point for line in lines.values() for point in line]
    if not points:
        return Html("")
    low, high = (pick(point[key][end] for point in points) for pick, end in ((min, "low"), (max, "high")))
    least = min(point["kept"] for point in points)

    def x(kept: float) -> str:
        return f"{EDGE + WIDE * (kept - least) / max(1 - least, 1e-9):.1f}"

    def y(value: float) -> str:
        return f"{TOP + HIGH * (high - value) / max(high - low, 1e-9):.1f}"

    drawn = []
    for name, line in lines.items():
        kind = "strong" if name == "candidate" else "weak"
        for point in line:
            one, at = point[key], x(point["kept"])
            words = f"{name}, of the surest {figures.percent(point['kept'])}: {figures.interval(one)}"
            ends = {"x1": at, "x2": at, "y1": y(one["low"]), "y2": y(one["high"])}
            drawn += [
                el("line", **ends, class_=f"ci {kind}"),
                el("circle", el("title", words), cx=at, cy=y(one["value"]), r=4, class_=kind),
            ]
    ticks = [
        *(el("text", figures.percent(value), x=EDGE - 26, y=f"{float(y(value)) + 4:.1f}", class_="tick")
          for value in (low, high)),
        *(el("text", figures.percent(kept), x=x(kept), y=TOP + HIGH + 16, class_="tick")
          for kept in (least, 1.0)),
    ]  # fmt: skip
    words = f"{title}, against the share of in-scope questions that is answered"
    picture = el(
        "svg",
        el("title", words),
        el("rect", x=EDGE, y=TOP, width=WIDE, height=HIGH, class_="frame"),
        *ticks,
        *drawn,
        el("text", "in scope, and answered", x=EDGE + WIDE / 2, y=TOP + HIGH + 34, class_="axis-title"),
        width=EDGE + WIDE + 30,
        height=TOP + HIGH + 42,
        viewBox=f"0 0 {EDGE + WIDE + 30} {TOP + HIGH + 42}",
        role="img",
        aria_label=words,
    )
    both = " (blue: candidate, grey: teacher)" if len(lines) > 1 else ""
    return el("figure", picture, el("figcaption", f"{title}{both}"))


def _examples(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Html:
    """Texts on the wrong side of the threshold."""
    parts = []
    if outside := found.get("answered"):
        lines = [[one["text"], one["ours"], f"{one['score']:.4g}"] for one in outside]
        table = grid(("out of scope, and answered", "answer", "score"), lines, text=(0, 1), label="Answered")
        parts.append(table)
    if inside := found.get("declined"):
        lines = [[one["text"], one["truth"], one["ours"], f"{one['score']:.4g}"] for one in inside]
        headings = ("in scope, and declined", "truth", "answer", "score")
        parts.append(grid(headings, lines, text=(0, 1, 2), label="Declined"))
    return details("Texts on the wrong side of the threshold", *parts) if parts else Html("")
