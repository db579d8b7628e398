"""The parts of the reviewer's page, top to bottom; each is empty when nothing is known about it."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, bar, details, el, grid, interval, join, span_of
from slmworks.packet.sources import Found
from slmworks.packet.table import HEADINGS, caption, cells

Said = Mapping[str, Any]
NOTHING = Html("")

NAMES = {
    "retention": "accuracy kept of the teacher, at least",
    "champion": "change against the champion, at least",
    "slices": "largest drop of a slice, at most (smallest corrected p)",
    "accuracy": "accuracy, at least",
    "calibration": "calibration error, at most",
    "speedup": "times faster than the teacher, at least",
    "smaller": "times smaller than the teacher, at least",
}
"""What each check asks for, in words."""

MANY = 12
"""More classes than this are folded."""


def head(verdict: Said) -> Html:
    """The decision, in a word and in a sentence."""
    outcomes = [check["outcome"] for check in verdict.get("checks", [])]
    passed = bool(verdict.get("passed"))
    kind = "passed" if passed else "inconclusive" if outcomes and "missed" not in outcomes else "missed"
    word = {"passed": "passed", "inconclusive": "inconclusive", "missed": "refused"}[kind]
    sentence = str(verdict.get("sentence", "")).removeprefix(f"{word}: ")
    return join([el("span", word, class_=f"badge {kind}"), el("h1", sentence)])


def overview(verdict: Said) -> Html:
    """The table of the terminal, with the intervals drawn on one axis."""
    rows = verdict.get("rows", [])
    if not rows:
        return NOTHING
    span = span_of(row["accuracy"] for row in rows)
    lines = []
    for row in rows:
        name, accuracy, *rest = cells(row)
        kind = "chosen" if row["chosen"] else str(row["role"])
        drawn = interval(row["accuracy"], span, strong=row["chosen"])
        lines.append([el("span", name, class_=kind), drawn, accuracy, *rest])
    note = f"{caption(verdict)}. Test set, n = {figures.count(rows[0]['n'])}; × is against the teacher."
    table = grid(["", "", *HEADINGS[1:]], lines, text=(0, 1), label="Quality, speed and size")
    return join([el("h2", "Quality, speed and size"), table, el("p", note, class_="soft")])


def checks(verdict: Said) -> Html:
    """Every requirement and how it went."""
    # a ratio of 0 was not required, only said
    found = [
        check
        for check in verdict.get("checks", [])
        if check["required"] or not check["passed"] or check["name"] not in ("speedup", "smaller")
    ]
    if not found:
        return NOTHING
    lines = [
        [
            el("span", check["outcome"], class_=f"badge {check['outcome']}"),
            NAMES.get(check["name"], check["name"]),
            _amount(check, "required"),
            _amount(check, "measured"),
            _amount(check, "bound"),
        ]
        for check in found
    ]
    headings = ("", "requirement", "limit", "measured", "decided on")
    table = grid(headings, lines, text=(0, 1), label="Requirements")
    return join([el("h2", "What was required"), table])


def classes(found: Found) -> Html:
    """Precision, recall and F1 of every class, the teacher's F1 beside."""
    if found.candidate is None:
        return NOTHING
    teacher = (
        {one["label"]: one for one in found.teacher["splits"]["test"]["classes"]} if found.teacher else {}
    )
    lines = []
    for one in found.candidate["splits"]["test"]["classes"]:
        theirs = teacher.get(one["label"])
        lines.append(
            [
                one["label"],
                join([bar(one["f1"]), figures.score(one["f1"])]),
                figures.score(theirs["f1"]) if theirs else figures.NOTHING,
                figures.score(one["precision"]),
                figures.score(one["recall"]),
                figures.count(one["support"]),
            ]
        )
    headings = ("class", "F1", "teacher's F1", "precision", "recall", "rows")
    table = grid(headings, lines, label="Classes")
    folded = details(f"All {len(lines)} classes", table) if len(lines) > MANY else table
    return join([el("h2", "Classes"), folded])


def speed(found: Found) -> Html:
    """Latency, throughput, memory and loading, with the machine they were measured on."""
    if found.speed is None:
        return NOTHING
    names = {"model": found.speed["name"], "baseline": "teacher"}
    lines = [
        [
            name,
            figures.milliseconds(found.speed[role]["p50_ms"]),
            figures.milliseconds(found.speed[role]["p95_ms"]),
            figures.rate(found.speed[role]["rows_s"]),
            figures.size(found.speed[role]["bytes"]),
            figures.size(found.speed[role]["memory"]),
            f"{found.speed[role]['load_s']:.1f}",
        ]
        for role, name in names.items()
        if role in found.speed
    ]
    machine = found.speed["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = f"{machine['threads']} thread" + ("s" if machine["threads"] != 1 else "")
    note = f"{machine['cpu']}, {threads}; {versions}. Measured in turns, {found.speed['rounds']} rounds."
    headings = ("", "p50 ms", "p95 ms", f"rows/s at batch {found.speed['batch_size']}", "on disk")
    return join(
        [
            el("h2", "What it costs to serve"),
            grid([*headings, "peak memory", "load s"], lines, label="Cost"),
            el("p", note, class_="soft"),
        ]
    )


def _amount(check: Said, key: str) -> str:
    value = float(check[key])
    match check["name"]:
        case "retention":
            near = figures.percent_beside(value, check["required"])
            return figures.requirement(value) if key == "required" else near
        case "champion":
            return figures.change(value)
        case "slices":
            return figures.p_value(value) if key == "bound" else figures.points(value)
        case "accuracy" | "calibration":
            return figures.score(value)
    return figures.times(value)
