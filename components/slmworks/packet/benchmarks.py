"""Benchmarks of the chosen candidate, beside the teacher's where it was asked the same."""

from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join
from slmworks.packet.sources import Found


def section(found: Found) -> Html:
    """One line a task and metric; nothing where there is no benchmark."""
    if not found.benchmarks:
        return Html("")
    theirs = {one.asked: one for one in found.teacher_benchmarks.values()}
    lines = [
        [
            name,
            one.written,
            *([theirs[one.asked].written if one.asked in theirs else figures.NOTHING] if theirs else []),
            figures.NOTHING if one.n is None else figures.count(one.n),
            str(one.shots),
        ]
        for name, one in found.benchmarks.items()
    ]
    headings = ["task and metric", "candidate (95 % CI)", *(["teacher"] if theirs else []), "n", "shots"]
    return join([el("h2", "Benchmarks"), grid(headings, lines, label="Benchmarks")])
