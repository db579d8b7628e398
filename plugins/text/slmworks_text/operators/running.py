"""Row operators at work: batches of rows pass the chosen ones in order, and each result is counted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from slmworks.contract.artifact import Files, Model
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed, first_line, in_a_line
from slmworks.curate.operator import HEADINGS, Dropped, Kept, Result, TextRow
from slmworks.curate.operators import Chosen
from slmworks_text.rows import PLACES, Row, Tally

ROWS = 1_024
CHARACTERS = 2_000_000
"""A batch ends with so many rows or characters."""
JUDGE = "judge"
"""Port of the model that operators ask."""
HALF = "its text holds half of a surrogate pair, which is no character; repair the row."


class View(Protocol):
    """How operators see the rows of a curation."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The row's texts, and the role of each."""

    def label(self, row: Row) -> str:
        """The row's label; empty: none."""

    def changed(self, row: Row, texts: Sequence[str]) -> Row | str:
        """The row with other texts, or the reason for which what is left of it is no row."""


@dataclass(frozen=True)
class Step:
    """What one operator made of one row."""

    row: Row | None
    """The row behind it; None where it was dropped."""
    result: Result


def opened(operators: Sequence[Chosen], data: Files, models: Mapping[str, Model]) -> tuple[Chosen, ...]:
    """The operators with the inputs and models (by port) that they read; BadRequest for one that isn't there.

    Also for a judge that none of them asks.
    """
    if JUDGE in models and not any(JUDGE in one.operator.asks() for one in operators):
        raise BadRequest(f"{JUDGE}: no row operator asks it; list one that does, or leave it out of from.")
    return tuple(replace(one, operator=one.operator.opened(_folders(one, data, models))) for one in operators)


def read_inputs(operators: Sequence[Chosen]) -> dict[str, tuple[str, ...]]:
    """Option -> inputs that operators read and that are therefore no rows."""
    return {f"operators.{one.name}": one.operator.reads() for one in operators if one.operator.reads()}


def operated(rows: Iterable[Row], operators: Sequence[Chosen], view: View, tally: Tally) -> Iterator[Row]:
    """The rows that no operator drops, as the last one left them."""
    for batch in batches(rows) if operators else [rows]:
        found = batch
        for one in operators:
            found = _counted(one, list(found), view, tally)
        yield from found


def steps(one: Chosen, rows: Sequence[Row], view: View) -> list[Step]:
    """What an operator makes of some rows."""
    seen = [_seen(row, view) for row in rows]
    splits = one.operator.splits
    spots = [_spots(row, one) if not splits or row.split in splits else [] for row in seen]
    asked = [i for i, spot in enumerate(spots) if spot]
    results = _results(one, [_part(seen[i], spots[i]) for i in asked], [rows[i] for i in asked])
    made = {i: result for i, result in zip(asked, results, strict=True) if result is not None}
    return [
        _step(one, row, seen[i], spots[i], made[i], view) if i in made else Step(row, None)
        for i, row in enumerate(rows)
    ]


def reason_of(one: Chosen, dropped: Dropped) -> str:
    """The reason as it is counted: `quality: gopher words`."""
    return f"{one.name}: {dropped.reason}"


def change_of(one: Chosen, kept: Kept) -> str:
    """The change as it is counted: `secrets: redacted`."""
    return f"{one.name}: {kept.change}"


def _counted(one: Chosen, rows: Sequence[Row], view: View, tally: Tally) -> Iterator[Row]:
    for before, step in zip(rows, steps(one, rows, view), strict=True):
        if isinstance(step.result, Dropped):
            reason = reason_of(one, step.result)
            tally.drop(reason, lambda before=before: view.texts(before)[0])  # type: ignore[misc]
            tally.filtered.setdefault(reason, _place(before, step.result.detail))
        elif isinstance(step.result, Kept):
            tally.changed.update([change_of(one, step.result)] if step.result.change else [])
            if step.result.found:
                tally.found.setdefault(one.name, type(tally.changed)()).update(step.result.found)
        if step.row is not None:
            yield step.row


def _place(row: Row, detail: str) -> str:
    return f"{row.where}{f': {detail}' if detail else ''}"


def _seen(row: Row, view: View) -> TextRow:
    texts, roles = view.texts(row)
    return TextRow(texts, roles, view.label(row), row.source, PLACES[row.place])


def _spots(row: TextRow, one: Chosen) -> list[int]:
    """Positions of the texts that an operator sees."""
    wanted, hides = set(one.operator.roles), one.operator.hides
    return [
        i for i, role in enumerate(row.roles) if (hides if role == HEADINGS else not wanted or role in wanted)
    ]


def _part(row: TextRow, spots: Sequence[int]) -> TextRow:
    if len(spots) == len(row.texts):
        return row
    texts, roles = (tuple(some[i] for i in spots) for some in (row.texts, row.roles))
    return replace(row, texts=texts, roles=roles)


def _results(one: Chosen, rows: Sequence[TextRow], whose: Sequence[Row]) -> Sequence[Result]:
    try:
        results = one.operator.apply_all(rows) if rows else []
    except SlmworksError:
        raise
    except Exception as error:
        where = _guilty(one, rows, whose)
        if isinstance(error, UnicodeEncodeError):
            raise BadRequest(f"row operator '{one.name}'{where}: {HALF}") from error
        if isinstance(error, ValueError):
            raise BadRequest(f"row operator '{one.name}'{where}: {first_line(error)}") from error
        raise TaskFailed(f"row operator '{one.name}' failed{where}: {in_a_line(error, 200)}") from error
    if len(results) != len(rows):
        raise BrokenPlugin(
            f"row operator '{one.name}' gave {len(results)} results for {len(rows)} rows; its apply_all "
            "must give one for each."
        )
    return results


def _guilty(one: Chosen, rows: Sequence[TextRow], whose: Sequence[Row]) -> str:
    """The place of the first row at which an operator fails."""
    for row, origin in zip(rows, whose, strict=True):
        try:
            one.operator.apply_all([row])
        except Exception:  # noqa: BLE001 (a stranger's code may raise anything)
            return f" at {origin.where}"
    return ""


def _step(one: Chosen, row: Row, seen: TextRow, spots: Sequence[int], result: Result, view: View) -> Step:
    if isinstance(result, Dropped):
        return Step(None, result)
    if not isinstance(result, Kept):
        raise BrokenPlugin(
            f"row operator '{one.name}' gave {type(result).__name__} for {row.where}; a result is Dropped, "
            "Kept or None."
        )
    if result.source is not None:
        row = replace(row, source=result.source)
    if result.texts is None:
        return Step(row, result)
    if len(result.texts) != len(spots):
        raise BrokenPlugin(
            f"row operator '{one.name}' gave {len(result.texts)} texts for the {len(spots)} of {row.where}."
        )
    texts = list(seen.texts)
    for i, text in zip(spots, result.texts, strict=True):
        texts[i] = text
    made = view.changed(row, texts)
    return Step(None, Dropped(made)) if isinstance(made, str) else Step(made, result)


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows, as many at a time as operators take."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.text) + len(row.target)
        if len(batch) >= ROWS or characters >= CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _folders(one: Chosen, data: Files, models: Mapping[str, Model]) -> Mapping[str, Path]:
    for name in one.operator.reads():
        if name not in data.names:
            there = ", ".join(data.names)
            raise BadRequest(f"with.operators.{one.name}: no input named '{name}' (there are: {there}).")
    for port in one.operator.asks():
        if port not in models:
            raise BadRequest(f"with.operators.{one.name}: give the model that it asks as `{port}` in from.")
    inputs = {name: data.folder(name) for name in one.operator.reads()}
    return inputs | {port: models[port].path for port in one.operator.asks()}
