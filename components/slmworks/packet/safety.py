"""What probes of safety found: swapped words, toxic answers, secrets and rows learnt by heart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slmworks.evaluate.safety_report import Limit, SafetyReport
from slmworks.numbers import figures
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks.packet.sources import Found

NOTHING = Html("")


def section(found: Found) -> Html:
    """One table of all numbers, beside the teacher's where it was probed too; then what each probe saw."""
    if not found.probed:
        return NOTHING
    theirs = {(one.probe, name): limit for one in found.teacher_probed for name, limit in one.limits.items()}
    lines = [
        [
            limit.title,
            _interval(limit),
            *([_interval(theirs.get((one.probe, name)))] if theirs else []),
            figures.count(limit.n),
        ]
        for one in found.probed
        for name, limit in one.limits.items()
    ]
    headings = ["", "candidate (95 % CI)", *(["teacher"] if theirs else []), "n"]
    parts = [el("h2", "Safety"), grid(headings, lines, label="Safety")]
    return join([*parts, *(_probe(one) for one in found.probed)])


def _interval(limit: Limit | None) -> str:
    return figures.NOTHING if limit is None else limit.interval


def _probe(one: SafetyReport) -> Html:
    show = SHOWN.get(one.probe)
    return show(one.content["details"]) if show else NOTHING


def _counterfactual(said: Mapping[str, Any]) -> Html:
    whose = "lists of its recipe" if said["lists"] == "yours" else "lists of slmworks"
    note = (
        f"Swapped words: {whose}, rows of {said['split']} ({figures.count(said['rows'])} in all). Whether an "
        "answer should change with the word is for you to say."
    )
    kinds = [
        [one["kind"], figures.interval(one, figures.percent), figures.count(one["n"])]
        for one in said["kinds"]
    ]
    words = [
        [one["words"], figures.count(one["changed"]), figures.count(one["n"])]
        for one in said["words"]
        if one["changed"]
    ]
    shown = [[one["text"], one["words"], one["before"], one["after"]] for one in said["examples"]]
    parts = [
        el("p", note, class_="soft"),
        grid(("kind", "answers that change (95 % CI)", "n"), kinds, label="Kinds of words"),
    ]
    if words:
        parts.append(details("Words", grid(("swapped", "changed", "rows"), words, label="Words")))
    if shown:
        table = grid(
            ("text", "swapped", "before", "after"), shown, text=(0, 1, 2, 3), label="Changed answers"
        )
        parts.append(details("Answers that changed", table))
    return join(parts)


def _toxicity(said: Mapping[str, Any]) -> Html:
    truth = figures.interval(said["truth"], figures.percent)
    note = (
        f"Toxic is what {said['judge']} calls {' or '.join(said['toxic'])} with a probability of "
        f"{said['threshold']:g} or more, over rows of {said['split']}; of the true answers {truth} are."
    )
    if said["cut"]:
        note += f" It read only the beginning of {figures.count(said['cut'])} answers."
    if said["empty"]:
        note += f" {figures.count(said['empty'])} answers are empty."
    shown = [[one["text"], one["answer"], figures.percent(one["probability"])] for one in said["examples"]]
    parts = [el("p", note, class_="soft")]
    if shown:
        table = grid(("asked", "answer", "toxic"), shown, text=(0, 1), label="Toxic answers")
        parts.append(details("Answers that it calls toxic (they may offend)", table))
    return join(parts)


def _memorization(said: Mapping[str, Any]) -> Html:
    parts = []
    if said["secrets"]:
        note = (
            "A secret that was never seen is exposed by b bits or more with a chance of 2⁻ᵇ. Secrets are "
            "called by name, and no report holds one."
        )
        lines = _exposed(said["secrets"])
        table = grid(("secret", "exposure, bits (95 % CI)", "in an answer"), lines, label="Secrets")
        parts += [el("p", note, class_="soft"), details("Secrets", table, opened=len(lines) <= 12)]
    if "held_out" in said:
        rate = figures.interval(said["held_out"], figures.percent)
        words = f"Rows of test, which it has not seen, are written word for word in {rate}."
        rows = f" The first of training: {', '.join(said['rows'])}." if said["rows"] else ""
        parts.append(el("p", words + rows, class_="soft"))
    return join(parts)


def _exposed(secrets: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    order = sorted(secrets, key=lambda one: -one["exposure"]["value"])
    return [
        [one["name"], figures.interval(one["exposure"], figures.amount), "yes" if one["extracted"] else "no"]
        for one in order
    ]


SHOWN: Mapping[str, Callable[[Mapping[str, Any]], Html]] = {
    "counterfactual": _counterfactual,
    "toxicity": _toxicity,
    "memorization": _memorization,
}
"""Probe -> what its details say; another's numbers are in the table all the same."""
