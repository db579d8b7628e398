"""`slmworks compare` and `slmworks leaderboard`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from slmworks.cli.console import Columns, say
from slmworks.cli.places import Places, with_places
from slmworks.contract.plain_text import one_line
from slmworks.numbers import figures

if TYPE_CHECKING:
    from slmworks.compare.answers import Beside
    from slmworks.compare.settings import Differing
    from slmworks.compare.side import Side
    from slmworks.execution.records import RunRecord

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
EXAMPLES = 3
"""Rows that changed sides and are shown, of each kind."""


@click.command()
@click.argument("first")
@click.argument("others", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_places()
def compare(first: str, others: tuple[str, ...], places: Places, *, as_json: bool) -> None:
    """Set runs or versions beside the FIRST one: what differs in how they were made, and in what they answer.

    Each is a run (its name, a unique beginning) or a version (NAME@3, NAME@champion, NAME@candidate). Answers
    are paired row by row where the test rows are the same.
    """
    from slmworks.compare.answers import beside
    from slmworks.compare.settings import differing
    from slmworks.compare.side import find
    from slmworks.contract.errors import BadRequest

    named = (first, *others)
    if len(named) > len(LETTERS):
        raise BadRequest(f"compare {len(named)} at a time? {len(LETTERS)} are the most.")
    sides = [find(places.store, words) for words in named]
    settings = differing(sides)
    answers = [beside(one, sides[0]) for one in sides[1:]]
    if as_json:
        click.echo(json.dumps(_as_json(sides, settings, answers), indent=1, ensure_ascii=False))
        return
    _show_sides(sides)
    _show_settings(settings, len(sides))
    _show_numbers(sides)
    _show_benchmarks(sides)
    _show_stopped(sides)
    for letter, side, found in zip(LETTERS[1:], sides[1:], answers, strict=False):
        _show_answers(letter, side, found)


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_places()
def leaderboard(name: str, places: Places, *, as_json: bool) -> None:
    """Every version of NAME with its numbers, the best first; those on other test data apart."""
    from slmworks.compare import table
    from slmworks.compare.side import of_version
    from slmworks.registry.log import Registry

    state = Registry(places.store).state(name)
    aliases = {number: alias for alias, number in state.aliases.items()}
    found = [(one, of_version(places.store, name, one.number)) for one in reversed(state.versions)]
    groups: dict[str, list[Any]] = {}
    for version, side in found:
        groups.setdefault(side.quality.report.refs["data"] if side.quality else "", []).append(
            (version, side)
        )
    if as_json:
        rows = [_row(side) | {"version": version.number, "status": version.status} for version, side in found]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for data, some in groups.items():
        some.sort(key=lambda one: _rank(one[1]))
        sides = [side for _, side in some]
        heads = table.headings(sides)
        shown = Columns(("version", "status", "alias", *heads, "registered", "run"), wrap=("run",))
        named = _measures(sides)
        for version, side in some:
            when = version.registered.when[:10]
            run = side.record.run if side.record else ""
            alias = aliases.get(version.number, "")
            shown.add(
                f"v{version.number}", version.status, alias, *table.cells(side, named, heads), when, run
            )
        if len(groups) > 1:
            say(f"test rows of data {data[:12]}" if data else "without a report")
        shown.show()


def _rank(side: "Side") -> tuple[bool, float]:
    """The best value first; what has none last."""
    if side.quality is None:
        return True, 0.0
    value = side.quality.value()
    return False, -value if side.quality.measure.higher_is_better else value


def _measures(sides: "Sequence[Side]") -> list[str]:
    from slmworks.compare import table

    quality = next((one.quality for one in sides if one.quality), None)
    return table.measures(quality) if quality else []


def _show_sides(sides: "Sequence[Side]") -> None:
    shown = Columns(("", "what", "recipe", "state", "started", "by", "run"), wrap=("recipe", "run"))
    for letter, side in zip(LETTERS, sides, strict=False):
        shown.add(letter, side.label, *_of_run(side.record))
    shown.show()


def _of_run(record: "RunRecord | None") -> tuple[str, ...]:
    if record is None:
        return ("its run is gone", "", "", "", "")
    return (record.recipe, record.state, record.started[:16].replace("T", " "), record.user, record.run)


def _show_settings(settings: "Differing", sides: int) -> None:
    say()
    if not settings:
        say("made alike: the same steps, options, seeds and data")
        return
    shown = Columns(("differs", *LETTERS[:sides]), wrap=tuple(LETTERS[:sides]))
    for place, values in settings:
        shown.add(place, *values)
    shown.show()


def _show_numbers(sides: "Sequence[Side]") -> None:
    from slmworks.compare import table

    say()
    heads, named = table.headings(sides), _measures(sides)
    shown = Columns(("", "model", *heads), wrap=("model",))
    for letter, side in zip(LETTERS, sides, strict=False):
        model = str(side.row.get("name") or (side.quality.name if side.quality else "no model was evaluated"))
        shown.add(letter, model, *table.cells(side, named, heads))
    shown.show()


def _show_benchmarks(sides: "Sequence[Side]") -> None:
    from slmworks.evaluate.benchmark_report import titles

    found = [{one.asked: one for one in side.benchmarks.values()} for side in sides]
    named = titles(dict.fromkeys(asked for results in found for asked in results))
    if not named:
        return
    say()
    shown = Columns(("benchmark (95 % CI)", *LETTERS[: len(sides)]), wrap=())
    for asked, name in named.items():
        numbers = (results.get(asked) for results in found)
        shown.add(name, *(one.written if one else figures.NOTHING for one in numbers))
    shown.show()


def _show_stopped(sides: "Sequence[Side]") -> None:
    """A line a stopped candidate: in which of them, by which selection, at which rank, how surely."""
    found: dict[tuple[str, str], list[str]] = {}
    for letter, side in zip(LETTERS, sides, strict=False):
        for one in side.stopped:
            found.setdefault((one.name, one.words), []).append(letter)
    if found:
        say()
    for (name, words), letters in found.items():
        others = [
            letter
            for letter, side in zip(LETTERS, sides, strict=False)
            if _made(side, name) and name not in {one.name for one in side.stopped}
        ]
        but = f"; not in {', '.join(others)}" if others else ""
        say(f"{', '.join(letters)} stopped {one_line(name)} {one_line(words)}{but}")


def _made(side: "Side", task: str) -> bool:
    return task in side.tasks and side.tasks[task].manifest is not None


def _show_answers(letter: str, side: "Side", found: "Beside | str") -> None:
    say()
    if isinstance(found, str):
        say(f"{letter} beside A: {one_line(found)}")
        return
    from slmworks.packet.changes import moved

    assert side.quality is not None
    measure = side.quality.measure
    change = measure.change_range(moved(measure, found.change))
    gained, lost = figures.count(found.gained), figures.count(found.lost)
    say(
        f"{letter} beside A, {figures.count(found.n)} test rows: {measure.title} {change}, {gained} gained, "
        f"{lost} lost ({figures.p_value(found.change['p'])})"
    )
    if found.slices:
        shown = Columns(("changed most", "", "rows", "gained", "lost"), wrap=("changed most",))
        for one in found.slices:
            change = measure.change(measure.moved(one["better"]))
            shown.add(
                f"{one['kind']} {one['value']}", change, str(one["n"]), str(one["gained"]), str(one["lost"])
            )
        shown.show()
    for kind in ("gained", "lost"):
        for row in found.examples[kind][:EXAMPLES]:
            said = f"{row['id']}: {row['truth']}, {letter} says {row['ours']}, A {row['theirs']}"
            say(f"{kind:<7}{one_line(said)}")


def _row(side: "Side") -> dict[str, Any]:
    quality = side.quality
    return {
        "label": side.label,
        "run": side.record.run if side.record else None,
        "recipe": side.record.recipe if side.record else None,
        "model": quality.model if quality else None,
        "data": quality.report.refs["data"] if quality else None,
        "measures": dict(quality.measures()) if quality else {},
        "benchmarks": {name: asdict(one) for name, one in side.benchmarks.items()},
        "kept": dict(side.kept) if side.kept else None,
        "p50_ms": side.cost("p50_ms"),
        "rows_s": side.cost("rows_s"),
        "joules": side.cost("joules"),
        "bytes": quality.bytes if quality else None,
        "stopped": [asdict(one) for one in side.stopped],
    }


def _as_json(
    sides: "Sequence[Side]", settings: "Differing", answers: "Sequence[Beside | str]"
) -> dict[str, Any]:
    return {
        "sides": [_row(side) for side in sides],
        "differs": [{"place": place, "values": values} for place, values in settings],
        "beside_first": [{"why_not": one} if isinstance(one, str) else asdict(one) for one in answers],
    }
