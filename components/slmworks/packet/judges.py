"""What judges say of the candidate's answers, how far they can be trusted, and what asking them cost."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks.packet.sources import Content, Found

EVERY = 0.25
"""A share of flipped verdicts above which the page says that the place decides much."""


def sections(found: Found) -> list[Html]:
    """One section a judge."""
    return [_judge(one) for one in found.judged]


def _judge(said: Content) -> Html:
    rival = said["against"]["name"]
    rate = figures.interval(said["win_rate"], figures.percent)
    counts = [figures.count(said[name]) for name in ("wins", "ties", "losses", "unread")]
    table = grid(
        ("against", "win rate (95 % CI)", "won", "tied", "lost", "unread"),
        [[rival, rate, *counts]],
        label="Verdicts",
    )
    note = (
        f"{figures.count(said['n'])} rows of {said['split']}, each asked about twice with the answers' "
        "places swapped; a tie is half a win, and so are verdicts that contradict each other. "
        f"Asked for: {said['criteria']}"
    )
    parts = [
        el("h2", f"What the judge {said['judge']['name']} says"),
        table,
        el("p", note, class_="soft"),
        *_trust(said),
        el("p", _cost(said["cost"])),
    ]
    shown = [
        details(title, _examples(said["examples"][outcome], rival))
        for outcome, title in (("win", "Rows that were won"), ("loss", "Rows that were lost"))
        if said["examples"][outcome]
    ]
    return join([*parts, *shown])


def _trust(said: Content) -> list[Html]:
    """How often the place decided, and how often the judge prefers the answer that is right."""
    bias, agree = said["position_bias"], said["agreement"]
    lines = []
    if bias["n"]:
        share = figures.interval(bias, figures.percent)
        words = f"Place: in {share} of the pairs the verdict was for a place and not for an answer."
        much = bias["value"] > EVERY
        lines.append(el("p", words, class_="warning") if much else el("p", words))
    if agree["n"]:
        share = figures.interval(agree, figures.percent)
        lines.append(
            el(
                "p",
                f"Agreement: of {figures.count(agree['n'])} rows where exactly one answer is right "
                f"({agree['measure'].replace('_', ' ')}), the judge prefers it in {share}, and calls "
                f"{figures.count(agree['ties'])} a tie.",
            )
        )
    return lines


def _cost(cost: Mapping[str, float]) -> str:
    """What asking the judge cost, whichever run paid for it."""
    if not cost:
        return "What it cost: nothing; nobody was asked."
    tokens = [figures.count(int(cost.get(name, 0))) for name in ("prompt_tokens", "tokens")]
    words = f"What it cost: {tokens[0]} tokens read, {tokens[1]} written, {cost.get('seconds', 0):,.1f} s"
    return words + (f", {cost['money']:,.4g} in the currency of its prices." if "money" in cost else ".")


def _examples(rows: list[dict[str, Any]], rival: str) -> Html:
    lines = [[row[name] for name in ("text", "truth", "ours", "theirs")] for row in rows]
    return grid(("asked", "truth", "candidate", rival), lines, text=(0, 1, 2, 3), label="Judged rows")
