"""From the files of one input to rows: columns found by name, ratings binned, nothing repaired yet."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks_text.bins import Bins, rating_of
from slmworks_text.labels import WHOLE, Labels
from slmworks_text.layout import Layout
from slmworks_text.rows import WRONG_WIDTH, Row, Tally
from slmworks_text.schema import Schema
from slmworks_text.values import Ragged, Values, Wanted

KNOWN = 4_096
"""Spellings of labels that are remembered while a file is read."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Columns, layout and labels of the files of one input."""

    layout: Layout
    schema: Schema
    place: int
    """The split that the input is for, or the pool: an index into `PLACES`."""
    texts: tuple[str, ...]
    """Columns that make the model task's input."""
    label: str | None
    """Column of the target; None: the input is unlabelled."""
    group: str | None = None
    group_prefix: str | None = None
    source: str | None = None
    bins: Bins | None = None
    labels: Labels

    @property
    def columns(self) -> Wanted:
        """Pairs of option and column, for those that are set; the texts come first."""
        named = (("label", self.label), ("group", self.group), ("source", self.source))
        texts = [("text", name) for name in self.texts]
        return [*texts, *((option, name) for option, name in named if name is not None)]

    @property
    def unusable(self) -> tuple[str, str]:
        """Reasons for which a row cannot be used, whatever is asked for."""
        return WRONG_WIDTH, f"no {self.schema.target}"


def rows_of(
    name: str, shown: str, found: Iterable[tuple[int, Values]], reading: Reading, tally: Tally
) -> Iterator[Row]:
    """Usable rows of a file `shown` of an input, of values with their positions in the file."""
    options = [option for option, _ in reading.columns]
    spot = {option: options.index(option) for option in options}
    label, group, source = (spot.get(option) for option in ("label", "group", "source"))
    several = len(reading.texts) if len(reading.texts) > 1 else 0
    place, known = reading.place, dict[str, tuple[str, bool]]()
    for position, (line, values) in found:
        if isinstance(values, Ragged):
            tally.dropped[WRONG_WIDTH] += 1
            tally.ragged = tally.ragged or f"{shown}:{line} has {values}"
            continue
        for value in values:
            if type(value) is not str:
                for option, one in zip(options, values, strict=True):
                    refuse_nested(one, option, f"{shown}:{line}")
                break
        target = ""
        if label is not None:
            value = values[label]
            if type(value) is str and value in known:
                target, changed = known[value]
                if changed:
                    tally.changed["label normalised"] += 1
            elif target := _target(value, reading, shown, line, tally, known):
                pass
            else:
                continue
        text = values[0]
        yield Row(
            _joined(values[:several]) if several else text if type(text) is str else _cell(text),
            target,
            name if source is None else source_of(values[source], name),
            f"{shown}#{position}",
            place,
            "" if group is None else group_of(values[group], name, reading.group_prefix),
        )


def refuse_nested(value: Any, option: str, place: str) -> None:
    """BadRequest for a list, an object or bytes where text is wanted."""
    if isinstance(value, (dict, list, bytes)):
        kind = {dict: "an object", list: "a list", bytes: "bytes"}[type(value)]
        several = " (several labels a row are not offered)" if (option, kind) == ("label", "a list") else ""
        raise BadRequest(
            f"{place}: the {option} is {kind}, not text{several}; set {option} to a column of strings."
        )


def _cell(value: Any) -> str:
    """A cell as text; empty for what is missing: null, and a number that is none (NaN)."""
    if type(value) is str:
        return value
    missing = value is None or (isinstance(value, Real) and math.isnan(value))
    return "" if missing else str(value)


def _joined(values: Sequence[Any]) -> str:
    """Several texts as one, a blank between them; without those that are missing."""
    return " ".join(text for text in map(_cell, values) if text and not text.isspace())


def source_of(value: Any, name: str) -> str:
    """The source in a cell, or else the input's name."""
    text = _cell(value)
    return name if not text or text.isspace() else text


def group_of(value: Any, name: str, prefix: str | None) -> str:
    """The group of a row within its input, up to the prefix's end; empty for a blank cell.

    `12.0` is `12`: one missing value makes all numbers of a column decimals.
    """
    text = _cell(value).strip()
    if prefix:
        text = text.partition(prefix)[0]
    whole = WHOLE.fullmatch(text)
    return f"{name}\0{whole[1] if whole else text}" if text else ""


def _target(
    value: Any, reading: Reading, shown: str, line: int, tally: Tally, known: dict[str, tuple[str, bool]]
) -> str:
    """The target in a cell; empty when the row is dropped (and counted). Labels are kept in `known`."""
    text = _cell(value)
    if not text or text.isspace():
        tally.dropped[f"no {reading.schema.target}"] += 1
        return ""
    if not reading.schema.classes:
        return text
    if reading.bins is not None:
        return _rated(value, reading, f"{shown}:{line}", tally)
    label, changed = _label(value, reading, tally)
    if label and type(value) is str and len(known) < KNOWN:
        known[value] = label, changed
    return label


def _label(value: Any, reading: Reading, tally: Tally) -> tuple[str, bool]:
    """The class in a cell, empty when the row is dropped (and counted); and True if cleaning changed it."""
    label, changed = reading.labels.read(value)
    if not label:
        tally.dropped["label not listed" if label is None else f"no {reading.schema.target}"] += 1
        return "", False
    tally.changed.update(["label normalised"] if changed else [])
    return label, changed


def _rated(value: Any, reading: Reading, place: str, tally: Tally) -> str:
    """The class of a rating; empty when the row is dropped (and counted)."""
    assert reading.bins is not None
    try:
        found = reading.bins.label(rating_of(value))
    except ValueError:
        raise BadRequest(
            f"{place}: the rating '{str(value).strip()[:40]}' is not a number; "
            "leave out bins or name its column."
        ) from None
    label = None if found is None else reading.labels.named(found)
    if label is None:
        tally.dropped["rating outside the bins" if found is None else "label not listed"] += 1
    return label or ""


def paths_of(folder: Path) -> Sequence[Path]:
    """The files of an input, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size_of(data: Files, names: Iterable[str]) -> int:
    """Size of the files of some inputs."""
    return sum(path.stat().st_size for name in names for path in paths_of(data.folder(name)))
