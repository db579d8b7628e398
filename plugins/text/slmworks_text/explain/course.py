"""The way of one row through reading, cleaning and operators, in lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from slmworks.contract.scope import SPLITS
from slmworks.curate.operator import Dropped, Kept
from slmworks.curate.operators import Chosen
from slmworks_text.annotated.view import MarkLimits
from slmworks_text.documents.places import RedactChunks
from slmworks_text.operators import Operator, clean
from slmworks_text.operators.bad_bytes import CountBadBytes
from slmworks_text.operators.length import LimitLength
from slmworks_text.operators.normalise import Normalise
from slmworks_text.operators.redact import Redact
from slmworks_text.operators.running import View, steps
from slmworks_text.rows import PLACES, Row, Tally

NAMES: Mapping[type[Any], str] = {
    CountBadBytes: "encoding",
    Normalise: "normalise",
    Redact: "redact",
    RedactChunks: "redact",
    LimitLength: "limits",
    MarkLimits: "limits",
}
"""Steps that options ask for."""
LONG = 200
"""Characters of a text that are shown."""


@dataclass
class Course:
    """Lines of what happened, and the row that came out."""

    row: Row | None
    """None: it was dropped."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Step and what it did."""


@dataclass(frozen=True)
class Done:
    """What one step did to a row."""

    row: Row | None
    """None: it was dropped."""
    what: str
    """The same of rows to which the same was done."""
    more: str = ""
    """The number that broke a rule, and the new text."""


KEPT = "kept as it is"


def passed(course: Course, operators: Sequence[Operator], view: View) -> None:
    """Lead the row through steps that options ask for."""
    for operator in operators:
        if course.row is None:
            return
        _go(course, name_of(operator), by_options(operator, course.row, view))


def operated(course: Course, operators: Sequence[Chosen], view: View) -> None:
    """Lead the row through the row operators of a recipe."""
    for one in operators:
        if course.row is None:
            return
        (done,) = by_operator(one, [course.row], view)
        _go(course, one.name, done)


def _go(course: Course, name: str, done: Done) -> None:
    course.row = done.row
    course.lines.append((name, f"{done.what}{done.more}"))


def name_of(operator: Operator) -> str:
    """What a step that options ask for is called."""
    return NAMES.get(type(operator), type(operator).__name__)


def by_options(operator: Operator, row: Row, view: View) -> Done:
    """What a step that options ask for does to a row."""
    before, tally = deepcopy(row), Tally()
    after = next(iter(clean([row], [operator], tally)), None)
    if after is None:
        return Done(None, f"dropped: {', '.join(tally.dropped)}")
    if tally.changed:
        return Done(after, ", ".join(tally.changed), _new(before, after, view))
    return Done(after, KEPT)


def by_operator(one: Chosen, rows: Sequence[Row], view: View) -> list[Done]:
    """What a row operator of a recipe does to rows."""
    made = zip(rows, steps(one, rows, view), strict=True)
    return [_done(step.result, row, step.row, view) for row, step in made]


def _done(result: Dropped | Kept | None, before: Row, after: Row | None, view: View) -> Done:
    if isinstance(result, Dropped):
        return Done(None, f"dropped: {result.reason}", f" ({result.detail})" if result.detail else "")
    found = ", ".join(f"{what} {count}" for what, count in result.found.items()) if result else ""
    source = f", source {after.source}" if after and after.source != before.source else ""
    new = _new(before, after, view) if after else ""
    what = (result.change if result else "") or KEPT
    return Done(after, what, f"{f' ({found})' if found else ''}{source}{new}")


def _new(before: Row, after: Row, view: View) -> str:
    """The new text of what changed; empty where nothing did."""
    old, new = view.texts(before), view.texts(after)
    changed = [text for text, was in zip(new[0], old[0], strict=True) if text != was]
    return f": {shown(' | '.join(changed))}" if changed else ""


def shown(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONG else f"{line[: LONG - 1]}…"


def read(rows: Iterator[Row], tally: Tally, view: View, first: Mapping[str, str]) -> Course:
    """The row as it was read; `first` says of a reason what is wrong."""
    row = next(rows, None)
    if row is None:
        reasons = (
            "; ".join(f"{reason}{_because(first.get(reason, ''))}" for reason in tally.dropped) or "no row"
        )
        return Course(None, [("read", f"dropped: {reasons}")])
    texts, roles = view.texts(row)
    said = [f"{role}: {shown(text)}" for role, text in zip(roles, texts, strict=True)]
    about = [f"source {row.source}"]
    about += [f"label {label}"] if (label := view.label(row)) else []
    about += ["out of scope"] if PLACES[row.place] in SPLITS.values() else []
    about += ["in a group"] if row.group else []
    course = Course(row, [("read", f"{' · '.join(about)}")])
    course.lines += [("", line) for line in said]
    if tally.changed:
        course.lines.append(("", ", ".join(tally.changed)))
    return course


def _because(where: str) -> str:
    return f" ({where})" if where else ""
