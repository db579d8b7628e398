"""The parts of the reviewer's page, top to bottom; each is empty when nothing is known about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks import figures
from slmworks.packet.found import Found, changed
from slmworks.packet.markup import Html, bar, el, grid, interval, join, span_of
from slmworks.packet.table import HEADINGS, caption, cells

Said = Mapping[str, Any]
NOTHING = Html("")


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
    table = grid(["", "", *HEADINGS[1:]], lines, text=(0, 1))
    return join([el("h2", "Quality, speed and size"), table, el("p", note, class_="soft")])


def checks(verdict: Said) -> Html:
    """Every requirement and how it went."""
    found = [check for check in verdict.get("checks", []) if check["required"] or not check["passed"]]
    if not found:
        return NOTHING
    lines = [
        [
            el("span", check["outcome"], class_=f"badge {check['outcome']}"),
            check["name"],
            _amount(check, "required"),
            _amount(check, "measured"),
            _amount(check, "bound"),
        ]
        for check in found
    ]
    headings = ("", "requirement", "at least", "measured", "decided on")
    return join([el("h2", "What was required"), grid(headings, lines, text=(0, 1))])


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
    return join([el("h2", "Classes"), grid(headings, lines)])


def slices(found: Found) -> Html:
    """Accuracy of every source with its interval, beside the teacher's."""
    if found.candidate is None or not found.candidate["splits"]["test"].get("slices"):
        return NOTHING
    test = found.candidate["splits"]["test"]
    before = {one["source"]: one for one in test["against"]["slices"]}
    span = span_of([one["accuracy"] for one in (*test["slices"], *before.values())])
    lines = []
    for one in test["slices"]:
        theirs = before[one["source"]]
        lines.append(
            [
                one["source"] or "(no source)",
                interval(one["accuracy"], span, strong=True),
                figures.score_range(one["accuracy"]),
                interval(theirs["accuracy"], span),
                figures.score_range(theirs["accuracy"]),
                figures.count(theirs["gained"]),
                figures.count(theirs["lost"]),
                figures.count(one["n"]),
            ]
        )
    headings = ("source", "", "accuracy (95 % CI)", "", "teacher", "gained", "lost", "rows")
    return join([el("h2", "Slices"), grid(headings, lines)])


def changes(found: Found) -> Html:
    """Rows that the candidate answers right and the teacher wrong, and the other way round."""
    if found.candidate is None:
        return NOTHING
    against = found.candidate["splits"]["test"]["against"]
    examples = found.candidate.get("examples", {})
    return join(
        [
            el("h2", "What changed against the teacher"),
            el("p", f"Rows of the test set: {changed(against)}"),
            _examples("Lost: the teacher was right", examples.get("lost", [])),
            _examples("Gained: the teacher was wrong", examples.get("gained", [])),
        ]
    )


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
            grid([*headings, "peak memory", "load s"], lines),
            el("p", note, class_="soft"),
        ]
    )


def data(card: Said | None) -> Html:
    """The data card: rows in and out, what was dropped and changed, labels of every split."""
    if not card:
        return NOTHING
    parts = [el("h2", "Data")]
    rows = card.get("rows", {})
    if {"in", "out"} <= rows.keys():
        parts.append(el("p", f"{figures.count(rows['in'])} rows in, {figures.count(rows['out'])} rows out."))
    if card.get("licence"):
        parts.append(el("p", f"Licence: {card['licence']}"))
    for title, key in (("Dropped", "dropped"), ("Changed", "changed"), ("Personal data", "personal_data")):
        if counts := card.get(key):
            listed = ", ".join(f"{reason} {figures.count(count)}" for reason, count in sorted(counts.items()))
            parts.append(el("p", f"{title}: {listed}"))
    lines = [_split(name, one) for name, one in card.get("splits", {}).items()]
    if lines:
        parts.append(grid(("split", "rows", "labels", "sources"), lines, text=(0, 2, 3)))
    return join(parts) if len(parts) > 1 else NOTHING


def origin(lineage: Sequence[str] | None) -> Html:
    """The way back to the source files, a line a step."""
    if not lineage:
        return NOTHING
    return join([el("h2", "Lineage"), el("pre", "\n".join(lineage))])


def _amount(check: Said, key: str) -> str:
    value = float(check[key])
    if check["name"] == "retention":
        return (
            figures.requirement(value)
            if key == "required"
            else figures.percent_beside(value, check["required"])
        )
    return figures.score(value) if check["name"] == "accuracy" else figures.times(value)


def _examples(title: str, rows: Sequence[Said]) -> Html:
    if not rows:
        return NOTHING
    lines = [
        [
            el("span", one["text"], class_="text"),
            one["label"],
            one["ours"],
            one["theirs"],
            figures.percent(one["probability"]),
        ]
        for one in rows
    ]
    headings = ("text", "label", "candidate", "teacher", "sure")
    return join([el("h3", f"{title} (the surest {len(rows)})"), grid(headings, lines, text=range(4))])


def _split(name: str, one: Said) -> list[object]:
    def listed(counts: Said) -> str:
        return ", ".join(f"{key} {figures.count(count)}" for key, count in sorted(counts.items()))

    return [name, figures.count(one["rows"]), listed(one.get("labels", {})), listed(one.get("sources", {}))]
