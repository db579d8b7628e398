"""What the teacher cost, whom that was shared by, and after how many requests a student has paid it back."""

import math
from typing import TYPE_CHECKING

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join
from slmworks.packet.sources import Background, Content

if TYPE_CHECKING:
    from slmworks.lineage.ledgers import Listed

LEFT_OUT = (
    "What each ledger holds was paid once; tasks that came later took it from there. Energy is that of this "
    "machine's processors, where it can be read. Training the students is not counted."
)


def cost(background: Background, speed: Content | None) -> Html:
    """A line for each ledger behind the chosen model, and when it is paid back as far as that is known."""
    if not background.ledgers:
        return Html("")
    headings = (
        "teacher",
        "of it",
        "rows",
        "tokens",
        "time",
        "all cores",
        "energy",
        "money",
        "used by",
        "each",
    )
    table = grid(headings, map(_line, background.ledgers), text=(0, 1), label="What the teacher cost")
    words = [
        sentence
        for one in background.ledgers
        for sentence in (_by_time(one, background, speed), _by_money(one))
        if sentence
    ]
    said = [el("p", words) for words in words]
    return join([el("h2", "What the teacher cost"), table, *said, el("p", LEFT_OUT, class_="soft")])


def _line(one: "Listed") -> list[str]:
    if not one.kind:
        return [f"ledger {one.short} is no longer there", *[""] * 9]
    spent, users = one.cost, len(one.uses)
    share = figures.NOTHING
    if users:
        share = figures.money(spent.money / users) if spent.money else _time(spent.seconds / users)
    return [
        one.teacher,
        one.kind,
        figures.count(one.rows),
        figures.count(one.tokens),
        _time(spent.seconds),
        _time(spent.cpu_seconds),
        figures.energy(spent.joules) if spent.joules else figures.NOTHING,
        figures.money(spent.money),
        f"{users} task{'s' if users != 1 else ''}",
        share,
    ]


def _by_time(one: "Listed", background: Background, speed: Content | None) -> str:
    """Break-even against asking the teacher itself, in CPU time."""
    spent = one.cost.cpu_seconds
    if not spent:
        return ""
    known = "Break-even in computing time is not known: "
    theirs = (speed or {}).get("baseline", {}).get("cpu_ms")
    ours = (speed or {}).get("model", {}).get("cpu_ms")
    if not one.teachers & set(background.baseline):
        return f"{known}no speed report measured {one.teacher} beside the chosen model."
    if theirs is None or ours is None:
        return f"{known}the speed report does not say what an answer takes of the cores."
    each = f"{figures.milliseconds(theirs)} ms of all cores an answer against {figures.milliseconds(ours)} ms"
    if ours >= theirs:
        return f"It is never paid back in computing time: {one.teacher} takes no more ({each})."
    needed = math.ceil(round(1000 * spent / (theirs - ours), 3))
    shared = f", shared by {len(one.uses)} tasks after {figures.count(math.ceil(needed / len(one.uses)))}"
    return (
        f"Against serving {one.teacher}, its {_time(spent)} of all cores are paid back after "
        f"{figures.count(needed)} requests{shared if len(one.uses) > 1 else ''} ({each})."
    )


def _by_money(one: "Listed") -> str:
    """Break-even in money: the student's price is not known, so it is the least that it can be."""
    if not one.cost.money or not one.rows:
        return ""
    price = figures.money(one.cost.money / one.rows)
    return (
        f"{one.teacher} charged {figures.money(one.cost.money)}, {price} an answer on average: paid back "
        f"after {figures.count(one.rows)} requests at the earliest. What a request to the chosen model costs "
        "in money is not known."
    )


def _time(seconds: float) -> str:
    return figures.duration(seconds) if seconds else figures.NOTHING
