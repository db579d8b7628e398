"""What the reviewer's page shows of a generator only: its answers' further measures, length and end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join

Titles = Mapping[str, str]


def answers(
    candidate: Mapping[str, Any],
    teacher: Mapping[str, Any] | None,
    titles: Titles,
    written: Mapping[str, Callable[[float], str]],
) -> Html:
    """Every measure, answers that were cut off, tokens an answer; the teacher's beside.

    `titles` and `written`: measure -> its heading, and how it is written; those that the report doesn't have
    are left out.
    """
    both = (candidate, teacher)
    shown = {name: title for name, title in titles.items() if name in candidate["measures"]}
    lines = [[title, *(_value(side, name, written[name]) for side in both)] for name, title in shown.items()]
    table = grid(
        ("answers", "candidate", "teacher"),
        [
            *lines,
            ["cut off at the largest length", *map(_cut_off, both)],
            ["tokens an answer", *map(_tokens, both)],
            *_hosted(both),
        ],
        label="Answers",
    )
    return join([el("h2", "Answers"), table])


def _hosted(both: Sequence[Mapping[str, Any] | None]) -> list[list[str]]:
    """What requests to a hosted model cost and took, in the currency of its prices; nothing without one."""
    if not any(side and "money" in side["details"] for side in both):
        return []
    return [
        ["price of 1,000 requests", *map(_price, both)],
        ["time of a request, p50 / p95 ms", *map(_request, both)],
    ]


def _price(side: Mapping[str, Any] | None) -> str:
    found = side["details"].get("money") if side else None
    return figures.money(1000 * found / side["n"]) if side and found else figures.NOTHING


def _request(side: Mapping[str, Any] | None) -> str:
    found = side["details"].get("request_ms") if side else None
    return f"{found['p50']:,.0f} / {found['p95']:,.0f}" if found else figures.NOTHING


def _value(side: Mapping[str, Any] | None, name: str, written: Callable[[float], str]) -> str:
    found = side["measures"].get(name) if side else None
    return written(found["value"]) if found else figures.NOTHING


def _cut_off(side: Mapping[str, Any] | None) -> str:
    return figures.percent(side["details"]["cut_off"] / side["n"]) if side else figures.NOTHING


def _tokens(side: Mapping[str, Any] | None) -> str:
    return f"{side['details']['tokens'] / side['n']:.1f}" if side else figures.NOTHING
