"""From the files of one input to rows: marks read, checked, and kept in place while the text is cleaned."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.annotated.forms import ReadFile
from slmworks_text.annotated.marks import Annotated, BadRow, Mark
from slmworks_text.labels import Labels
from slmworks_text.layout import Layout
from slmworks_text.personal import Redactor
from slmworks_text.reading import group_of, paths_of, refuse_nested, source_of
from slmworks_text.rows import TRANSFER, WRONG_WIDTH, Row, Tally
from slmworks_text.streams import Meter
from slmworks_text.values import Ragged, Values, Wanted


@dataclass(frozen=True, kw_only=True)
class MarkReading:
    """Columns, layout and rules of the files of one input."""

    rows: ReadFile
    """Reads a file."""
    read: Callable[..., Annotated]
    """From values by part, and `unlabelled`, to a text with marks."""
    layout: Layout
    columns: Mapping[str, str]
    """Part -> its column."""
    place: int
    """The split that the input is for, or the pool: an index into `PLACES`."""
    group: str | None
    group_prefix: str | None
    source: str | None
    refuse: bool
    """The first bad row is an error."""
    normalise: bool
    redactor: Redactor | None
    labels: Labels | None
    """Labels that are kept, by their names in the files; None: all."""

    @property
    def wanted(self) -> Wanted:
        """Pairs of option and column; the parts come first."""
        named = (("group", self.group), ("source", self.source))
        parts = [(f"fields.{part}", name) for part, name in self.columns.items()]
        return [*parts, *((option, name) for option, name in named if name is not None)]


def read_marked(name: str, folder: Path, reading: MarkReading, tally: Tally, meter: Meter) -> Iterator[Row]:
    """All usable rows of an input, file by file in the order of their names."""
    for path in paths_of(folder):
        shown = f"{name}/{path.relative_to(folder).as_posix()}"
        found = reading.rows(path, reading.layout, reading.wanted, meter, shown, tally.warnings.append)
        yield from marked_rows(name, shown, enumerate(found), reading, tally)
        meter.next_file(path.stat().st_size)


def marked_rows(
    name: str, shown: str, found: Iterable[tuple[int, Values]], reading: MarkReading, tally: Tally
) -> Iterator[Row]:
    """Usable rows among those of a file, which come with their positions in it."""
    options = [option for option, _ in reading.wanted]
    for position, (line, values) in found:
        where = f"{shown}:{line}"
        if isinstance(values, Ragged):
            _drop(BadRow(WRONG_WIDTH, f"{values}"), where, tally, reading)
            continue
        given = dict(zip(options, map(_known, values), strict=True))
        for option in ("group", "source"):
            refuse_nested(given.get(option), option, where)
        row = _row(name, where, f"{shown}#{position}", given, reading, tally)
        if row is not None:
            yield row


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _row(
    name: str,
    where: str,
    origin: str,
    given: Mapping[str, Any],
    reading: MarkReading,
    tally: Tally,
) -> Row | None:
    unlabelled = reading.place == TRANSFER
    try:
        parts = {part: given[f"fields.{part}"] for part in reading.columns}
        found = _cleaned(reading.read(parts, unlabelled=unlabelled).within(), reading, tally)
    except BadRow as error:
        _drop(error, where, tally, reading)
        return None
    return Row(
        text=found.packed(),
        target=found.packed_marks(),
        source=name if reading.source is None else source_of(given["source"], name),
        origin=origin,
        place=reading.place,
        template=found.text if found.question else "",
        group="" if reading.group is None else group_of(given["group"], name, reading.group_prefix),
    )


def _cleaned(found: Annotated, reading: MarkReading, tally: Tally) -> Annotated:
    """Labels renamed, texts repaired and redacted, marks widened to words; counts what that changed."""
    found = _with_labels(found, reading.labels, tally)
    if reading.normalise and (new := found.normalised()) != found:
        tally.changed["normalised"] += 1
        found = new
    if reading.redactor is not None:
        new, counts = found.redacted(reading.redactor)
        if counts:
            tally.personal.update(counts)
            tally.changed["personal data redacted"] += 1
            if lost := len(found.marks or ()) - len(new.marks or ()):
                tally.changed["mark lost in a tag"] += lost
            found = new
    if (new := found.without_nul().whole_words()) != found:
        tally.changed["mark widened to whole words"] += 1
    return new


def _with_labels(found: Annotated, labels: Labels | None, tally: Tally) -> Annotated:
    """With the labels that are kept, under their names."""
    if labels is None or found.marks is None:
        return found
    kept = []
    for mark in found.marks:
        label, _ = labels.read(mark.label)
        if label:
            kept.append(Mark(mark.start, mark.end, label))
    if len(kept) < len(found.marks):
        tally.changed["mark of a label that is not listed left out"] += len(found.marks) - len(kept)
    return replace(found, marks=tuple(kept))


def _drop(error: BadRow, where: str, tally: Tally, reading: MarkReading) -> None:
    """Count a bad row, or refuse it."""
    if reading.refuse:
        raise BadRequest(f"{where}: {error}; mend the row, or set bad_rows: drop.")
    tally.dropped[error.reason] += 1
    tally.first.setdefault(error.reason, f"{where}: {error.plain}")
