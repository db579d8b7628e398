"""Parts of the reviewer's page, top to bottom; each is empty when nothing is known about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.numbers import figures
from slmworks.packet import scope
from slmworks.packet.markup import Html, el, grid, interval, join, span_of
from slmworks.packet.sources import Content, Found
from slmworks.packet.table import beside_linear, caption, cells, headings

NOTHING = Html("")


def head(verdict: Content) -> Html:
    """The decision as a badge and as a sentence."""
    outcomes = [check["outcome"] for check in verdict.get("checks", [])]
    passed = bool(verdict.get("passed"))
    kind = "passed" if passed else "inconclusive" if outcomes and "missed" not in outcomes else "missed"
    word = {"passed": "passed", "inconclusive": "inconclusive", "missed": "refused"}[kind]
    sentence = str(verdict.get("sentence", "")).removeprefix(f"{word}: ")
    return join([el("span", word, class_=f"badge {kind}"), el("h1", sentence)])


def overview(verdict: Content) -> Html:
    """The table of the terminal, with the intervals of the deciding measure drawn on one axis."""
    rows = verdict.get("rows", [])
    if not rows:
        return NOTHING
    lines = []
    for row, drawn in zip(rows, _intervals(verdict), strict=True):
        name, *rest = cells(verdict, row)
        kind = "chosen" if row["chosen"] else str(row["role"])
        lines.append([el("span", name, class_=kind), drawn, *rest])
    note = f"{caption(verdict)}. Test set, n = {figures.count(rows[0]['n'])}; × is against the teacher."
    named = ["", "", *headings(verdict)[1:]]
    table = grid(named, lines, text=(0, 1), label="Quality, speed and size")
    linear = beside_linear(verdict)
    shown = el("p", f"{linear[:1].upper()}{linear[1:]}.") if linear else NOTHING
    return join([el("h2", "Quality, speed and size"), table, shown, el("p", note, class_="soft")])


def over_seeds(sentences: Sequence[str]) -> Html:
    """Mean and spread of models that differ by their seed only."""
    if not sentences:
        return NOTHING
    return join([el("h2", "Over seeds"), *(el("p", sentence) for sentence in sentences)])


def _intervals(verdict: Content) -> list[Html]:
    """The first measure's interval, row by row; empty where the verdict names no measure."""
    rows, measures = verdict["rows"], verdict.get("measures", [])
    if not measures:
        return [NOTHING for _ in rows]
    found = [row["measures"][measures[0]["name"]] for row in rows]
    # a trivial baseline far below would squeeze the intervals that matter to nothing; it stands at the edge
    span = span_of([one for one, row in zip(found, rows, strict=True) if row["role"] != "trivial"] or found)
    return [interval(one, span, strong=row["chosen"]) for one, row in zip(found, rows, strict=True)]


def checks(verdict: Content) -> Html:
    """Every requirement and how it went."""
    # a ratio of 0 was not required, only said
    found = [
        check
        for check in verdict.get("checks", [])
        if check["required"] or not check["passed"] or check["name"] not in ("speedup", "smaller", "win_rate")
    ]
    if not found:
        return NOTHING
    lines = [
        [
            el("span", check["outcome"], class_=f"badge {check['outcome']}"),
            check["title"],
            *(check["written"][key] for key in ("required", "measured", "bound")),
        ]
        for check in found
    ]
    named = ("", "requirement", "limit", "measured", "decided on")
    table = grid(named, lines, text=(0, 1), label="Requirements")
    return join([el("h2", "What was required"), table])


def of_model_task(found: Found) -> list[Html]:
    """The parts that only the candidate's model task has; none where it is not installed any more."""
    if found.candidate is None or found.model_task is None:
        return []
    candidate = found.candidate.split("test")
    teacher = found.teacher.split("test") if found.teacher else None
    parts = [Html(part) for part in found.model_task.sections(candidate, teacher)]
    declined = scope.section(candidate, teacher, found.candidate.measure.name)
    return [*parts, declined, _cut_texts(candidate["details"].get("truncation"))]


def _cut_texts(cut: Mapping[str, float] | None) -> Html:
    """How much of the texts the candidate does not read."""
    if not cut:
        return NOTHING
    texts, tokens = (figures.percent(cut[name]) for name in ("share_of_texts_cut", "share_of_tokens_cut"))
    said = f"{texts} of the texts are longer than the model reads; {tokens} of all tokens are cut off."
    return el("p", said, class_="soft")


def _tokens(speed: Mapping[str, Any], names: Mapping[str, str]) -> Html:
    """Time to the first token and tokens a second, of models that write token by token."""
    lines = [
        [
            name,
            figures.milliseconds(tokens["first_token_ms"]),
            *(_rate(tokens.get(f"{part}_tokens_s")) for part in ("prompt", "answer")),
            figures.milliseconds(tokens["at_once"]["first_token_ms"]),
            figures.rate(tokens["at_once"]["tokens_s"]),
        ]
        for role, name in names.items()
        if (tokens := speed.get(role, {}).get("tokens"))
    ]
    if not lines:
        return NOTHING
    rows = speed["batch_size"]
    together = f"{rows} at once: " if rows > 1 else "again: "
    headings = ("", "first token ms", "prompt tokens/s", "answer tokens/s")
    return grid([*headings, f"{together}first token ms", "tokens/s"], lines, label="Tokens")


def _rate(per_second: float | None) -> str:
    return figures.NOTHING if per_second is None else figures.rate(per_second)


def speed(found: Found) -> Html:
    """Latency, throughput, memory and loading, with the machine they were measured on."""
    if found.speed is None:
        return NOTHING
    names = {"model": found.name, "baseline": "teacher"}
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
    if "speedup" in found.speed:
        low, high = (figures.times(found.speed["speedup"][end]) for end in ("low", "high"))
        note += f" Latency against the teacher: {low} to {high} faster (95 %)."
    if busy := found.speed.get("surroundings", {}).get("busy"):
        note += f" The machine was busy: {busy}."
    named = ("", "p50 ms", "p95 ms", f"rows/s at batch {found.speed['batch_size']}", "on disk")
    return join(
        [
            el("h2", "What it costs to serve"),
            grid([*named, "peak memory", "load s"], lines, label="Cost"),
            _tokens(found.speed, names),
            el("p", note, class_="soft"),
        ]
    )
