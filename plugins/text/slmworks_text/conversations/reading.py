"""From the files of one input to rows: conversations recognised, checked, cleaned and measured."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.conversations.cleaning import ContentRedactor, repaired
from slmworks_text.conversations.comparing import template_of
from slmworks_text.conversations.conversation import Conversation, Unanswered
from slmworks_text.conversations.kinds import Kind
from slmworks_text.conversations.messages import without_nulls
from slmworks_text.conversations.token_lengths import Measure, contents
from slmworks_text.conversations.turns import EMPTY_COMPLETION, EQUAL, NOT_TEXT, BadConversation
from slmworks_text.formats import format_of, read_rows
from slmworks_text.layout import Layout
from slmworks_text.reading import group_of, paths_of, refuse_nested, source_of
from slmworks_text.rows import TRANSFER, WRONG_WIDTH, Row, Tally
from slmworks_text.streams import Meter
from slmworks_text.values import Ragged, Values, Wanted

TOO_LONG = "too long"
CUT = "turns after the last answer left out"


@dataclass
class ChatTally(Tally):
    """Counts of curated conversations."""

    shapes: Counter[str] = field(default_factory=Counter)
    """Shape -> rows."""


@dataclass(frozen=True, kw_only=True)
class ChatReading:
    """Columns, layout and rules of the files of one input."""

    kind: Kind
    layout: Layout
    place: int
    """The split that the input is for, or the pool: an index into `PLACES`."""
    shape: str | None
    """None: by the columns that hold a value, row by row."""
    fields: Mapping[str, str]
    """Part -> its column, where that is called otherwise."""
    system: str
    """System turn of conversations that have none; empty: none."""
    schema: str
    """JSON Schema, as JSON text, of rows that have none; empty: none."""
    group: str | None
    group_prefix: str | None
    template: str | None
    templates: bool
    """Rows of one template are to stay together."""
    source: str | None
    unanswered: Unanswered
    refuse: bool
    """The first bad row is an error."""
    repair: bool
    redactor: ContentRedactor | None
    measure: Measure
    longest: int | None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are looked for."""
        shapes = [self.shape] if self.shape else list(self.kind.needed)
        found = [part for shape in shapes for part in (*self.kind.needed[shape], *self.kind.further[shape])]
        return tuple(dict.fromkeys([*found, *self.fields]))

    def column(self, part: str) -> str:
        """The column of a part."""
        return self.fields.get(part, part)

    @property
    def wanted(self) -> Wanted:
        """Pairs of option and column; the parts come first."""
        named = (("group", self.group), ("template", self.template), ("source", self.source))
        parts = [(f"fields.{part}", self.column(part)) for part in self.parts]
        return [*parts, *((option, name) for option, name in named if name is not None)]

    def with_optional(self) -> "ChatReading":
        """With the columns that a file may lack: all that nobody named, but those that the shape needs."""
        needed = set(self.kind.needed[self.shape]) - self.kind.may_lack if self.shape else set()
        optional = {self.column(part) for part in self.parts if part not in {*self.fields, *needed}}
        return replace(self, layout=replace(self.layout, optional=frozenset(optional)))


def read_conversations(
    name: str, folder: Path, reading: ChatReading, tally: ChatTally, meter: Meter
) -> Iterator[Row]:
    """All usable rows of an input, file by file in the order of their names."""
    for path in paths_of(folder):
        shown = f"{name}/{path.relative_to(folder).as_posix()}"
        format_ = reading.layout.format or format_of(path, shown)
        found = read_rows(
            path, reading.layout, reading.wanted, meter, shown=shown, warn=tally.warnings.append
        )
        yield from conversation_rows(
            name, shown, enumerate(found), reading, tally, nulls=format_ == "parquet"
        )
        meter.next_file(path.stat().st_size)


def conversation_rows(
    name: str,
    shown: str,
    found: Iterable[tuple[int, Values]],
    reading: ChatReading,
    tally: ChatTally,
    *,
    nulls: bool,
) -> Iterator[Row]:
    """Usable rows of a file `shown` of an input, of values with their positions in the file.

    `nulls`: objects have the keys of all, null where they lack one.
    """
    options = [option for option, _ in reading.wanted]
    for position, (line, values) in found:
        if isinstance(values, Ragged):
            said = f"{shown}:{line} has {values}"
            _drop(WRONG_WIDTH, said, said, tally, reading)
            continue
        cells = [without_nulls(value) for value in values] if nulls else values
        given = dict(zip(options, map(_known, cells), strict=True))
        for option in ("group", "template", "source"):
            refuse_nested(given.get(option), option, f"{shown}:{line}")
        row = _row(name, f"{shown}:{line}", f"{shown}#{position}", given, reading, tally)
        if row is not None:
            yield row


def _known(value: Any) -> Any:
    """The value of a cell; None for a number that is none (NaN), which pandas writes for what is missing."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _drop(reason: str, said: str, plain: str, tally: ChatTally, reading: ChatReading) -> None:
    """Count a bad row, or refuse it; `plain`: what is said of it without its values."""
    if reading.refuse:
        raise BadRequest(f"{said}; mend the row, or set bad_rows: drop.")
    tally.dropped[reason] += 1
    tally.first.setdefault(reason, plain)


def _row(
    name: str, where: str, origin: str, given: Mapping[str, Any], reading: ChatReading, tally: ChatTally
) -> Row | None:
    parts: dict[str, Any] = {part: given[f"fields.{part}"] for part in reading.parts}
    if not str(parts.get("schema") or "").strip():
        parts["schema"] = reading.schema
    try:
        shape, found = reading.kind.read(
            parts, reading.shape, unlabelled=reading.place == TRANSFER, unanswered=reading.unanswered
        )
    except BadConversation as error:
        _drop(error.reason, f"{where}: {error}", f"{where}: {error.plain}", tally, reading)
        return None
    tally.shapes[shape] += 1
    found = found.with_system(reading.system)
    if found.cut:
        tally.changed[CUT] += 1
    found = _cleaned(found, reading, tally)
    if found.completion is not None and (problem := _answers_problem(found)):
        reason, why, plain = problem
        _drop(reason, f"{where}: {why}", f"{where}: {plain}", tally, reading)
        return None
    try:
        (found.packed() + (found.completion or "")).encode()
    except UnicodeEncodeError as error:
        half = f"{where}: {NOT_TEXT}: half of a surrogate pair ({error.object[error.start]!r})"
        _drop(NOT_TEXT, half, half, tally, reading)
        return None
    said = contents(found.messages)
    if reading.longest is not None:
        length = max(reading.measure.of([*said, answer]) for answer in found.answers or ("",))
        if length > reading.longest:
            tally.dropped[TOO_LONG] += 1
            tally.first.setdefault(TOO_LONG, f"{where}: {length:,} {reading.measure.unit}")
            return None
    labelled = found.completion is not None
    return Row(
        text=found.packed(),
        target=found.completion or "",
        source=name if reading.source is None else source_of(given["source"], name),
        origin=origin,
        place=reading.place if labelled else TRANSFER,
        group=_group(given, name, reading) if labelled else "",
        template=_template(found, given, reading) if labelled else "",
    )


def _answers_problem(found: Conversation) -> tuple[str, str, str] | None:
    """The rule that the answers break, what is wrong, and that without their text.

    Cleaning may leave nothing, or no difference.
    """
    completion_left = bool((found.completion or "").strip())
    if not completion_left or (found.rejected and not found.rejected.strip()):
        why = f"nothing is left of the {'rejected answer' if completion_left else 'completion'}"
        return EMPTY_COMPLETION, why, why
    if found.rejected.strip() == (found.completion or "").strip():
        return EQUAL, f"{EQUAL}: both say {found.rejected.strip()[:40]!r}", EQUAL
    return None


def _cleaned(found: Conversation, reading: ChatReading, tally: ChatTally) -> Conversation:
    """Contents repaired and redacted; what that changed is counted."""
    if reading.repair and (new := found.each(repaired)) != found:
        tally.changed["normalised"] += 1
        found = new
    if reading.redactor is None:
        return found
    counts: Counter[str] = Counter()

    def redact(content: str) -> str:
        assert reading.redactor is not None
        text, replaced = reading.redactor.redact(content)
        counts.update(replaced)
        return text

    found = found.each(redact)
    if counts:
        tally.personal.update(counts)
        tally.changed["personal data redacted"] += 1
    return found


def _group(given: Mapping[str, Any], name: str, reading: ChatReading) -> str:
    return "" if reading.group is None else group_of(given["group"], name, reading.group_prefix)


def _template(found: Conversation, given: Mapping[str, Any], reading: ChatReading) -> str:
    if reading.template is not None:
        return group_of(given["template"], "", None)
    return template_of(found) if reading.templates else ""
