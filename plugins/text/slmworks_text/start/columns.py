"""Which column of a file holds the text, and which the label: by names, lengths and numbers of values."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean, listed
from slmworks_text.conversations.shapes import NEEDED, Shape
from slmworks_text.formats import read_rows
from slmworks_text.label_warnings import NUMBER, looks_numeric
from slmworks_text.start.sniff import Found
from slmworks_text.streams import Meter
from slmworks_text.values import Ragged

ROWS = 5000
"""Rows that columns are judged by."""
TEXTS = ("text", "sentence", "utterance", "content", "review", "message", "body", "question", "comment",
         "tweet", "document", "query", "phrase", "input", "request",
         "title", "description", "subject", "summary")  # fmt: skip
LABELS = ("label", "labels", "intent", "category", "class", "target", "sentiment", "topic", "rating",
          "stars", "score", "emotion", "tag", "polarity", "label_text", "label_name", "y")  # fmt: skip
"""What these columns are called in most data sets, the usual ones first."""
ASKED = ("question", "query", "instruction", "prompt", *TEXTS)
ANSWERS = ("document", "answer", "passage", "context", "output", "response", "completion", "reply")
"""What columns of questions and of what answers them are called, the usual ones first."""
SHORT = 8
"""Characters on average, below which a column holds no text."""
LONGEST_LABEL = 80
NAMED = 6
"""Columns that a message lists."""


@dataclass(frozen=True)
class Column:
    """One column, by the rows that were looked at."""

    name: str
    values: tuple[str, ...]
    """Those that are not blank."""
    nested: bool
    """True for one that holds lists or objects."""

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(set(self.values))

    @property
    def characters(self) -> float:
        """Mean length."""
        return sum(map(len, self.values)) / max(len(self.values), 1)

    @property
    def numeric(self) -> bool:
        """True if nearly all values are numbers."""
        return sum(map(bool, map(NUMBER.fullmatch, self.values))) > 0.95 * len(self.values)

    @property
    def holds_text(self) -> bool:
        """True if it may be the text: mostly different values, no numbers, of some length."""
        if self.nested or not self.values or self.numeric:
            return False
        return self.characters >= SHORT and self.distinct > len(self.values) / 2

    @property
    def holds_labels(self) -> bool:
        """True if it may be the label: few different and short values, and no scale of numbers."""
        if self.nested or not 2 <= self.distinct <= len(self.values) / 2:
            return False
        return self.characters <= LONGEST_LABEL and not looks_numeric(Counter(self.values))


@dataclass(frozen=True)
class Chosen:
    """The columns of a classifier's data."""

    texts: tuple[str, ...]
    label: str
    others: tuple[str, ...]
    """Columns that are not used."""


def columns_of(found: Found) -> list[Column]:
    """The columns, by the first rows."""
    rows = list(islice(rows_of(found), ROWS))
    return [_column(name, [row[at] for row in rows]) for at, name in enumerate(found.columns)]


def rows_of(found: Found, names: Sequence[str] | None = None) -> Iterator[Sequence[Any]]:
    """The rows of a file, those of a wrong width left out."""
    layout = replace(found.layout, nested=True, optional=frozenset(found.columns))
    wanted = [("columns", name) for name in (found.columns if names is None else names)]
    shown, silent = str(found.path), Counter[str]().update
    for _, values in read_rows(
        found.path, layout, wanted, Meter(0), shown=shown, warn=lambda one: silent([one])
    ):
        if not isinstance(values, Ragged):
            yield values


def shape_of(columns: Sequence[Column]) -> Shape | None:
    """The shape of conversations whose columns are there; None for other data."""
    there = {column.name: column for column in columns if column.values}
    for shape in ("messages", "sharegpt", "alpaca", "prompt-completion"):
        if all(part in there for part in NEEDED[shape]):
            listed = shape not in ("messages", "sharegpt") or _is_list(there[NEEDED[shape][0]])
            if listed:
                return shape
    return None


def choose(columns: Sequence[Column], texts: Sequence[str], label: str, shown: str) -> Chosen:
    """The columns of text and label; BadRequest where several may be meant."""
    by_name = _require_there(columns, texts, label, shown)
    free = [column for column in columns if column.name not in (*texts, label)]
    said = texts or (_only(free, "text", TEXTS, lambda one: one.holds_text, shown),)
    free = [column for column in free if column.name not in said]
    label = label or _only(free, "label", LABELS, lambda one: one.holds_labels, shown)
    used = {*said, label}
    return Chosen(tuple(said), label, tuple(name for name in by_name if name not in used))


def choose_pair(columns: Sequence[Column], texts: Sequence[str], label: str, shown: str) -> Chosen:
    """The columns of questions and of what answers them; BadRequest where their names don't say it."""
    by_name = _require_there(columns, texts, label, shown)
    lower = {name.casefold(): name for name in by_name if name not in (*texts, label)}
    said = tuple(texts) or tuple(lower[name] for name in ASKED if name in lower)[:1]
    label = label or next((lower[name] for name in ANSWERS if name in lower and lower[name] not in said), "")
    if not said or not label:
        raise BadRequest(
            f"{shown}: which column is asked, and which answers it (there are: {_described(columns)})? Name "
            "both: --text COLUMN --label COLUMN."
        )
    return Chosen(said, label, tuple(name for name in by_name if name not in {*said, label}))


def _require_there(
    columns: Sequence[Column], texts: Sequence[str], label: str, shown: str
) -> dict[str, Column]:
    """The columns by name; BadRequest for names that are no columns, or one that is named twice."""
    by_name = {column.name: column for column in columns}
    for option, names in (("--text", texts), ("--label", [label] if label else [])):
        for name in names:
            if name not in by_name:
                raise BadRequest(
                    f"{option} {name}: no such column in {shown} (there are: {listed(tuple(by_name))}). "
                    f"{did_you_mean(name, by_name)}"
                )
    if label and label in texts:
        raise BadRequest(f"--label {label}: is the text already; name another column.")
    return by_name


def _only(
    columns: Sequence[Column], what: str, usual: Sequence[str], fits: Callable[[Column], bool], shown: str
) -> str:
    """The only column that can be meant: by its content, then by its name."""
    fitting = [column.name for column in columns if fits(column)]
    if len(fitting) == 1:
        return fitting[0]
    lower = {column.name.casefold(): column.name for column in columns if column.values and not column.nested}
    named = [lower[name] for name in usual if name in lower and (not fitting or lower[name] in fitting)]
    if len(named) == 1 or (named and named[0].casefold() == usual[0]):
        return named[0]
    way = f"--{what} {fitting[0] if fitting else 'COLUMN'}"
    if not fitting:
        raise BadRequest(
            f"{shown}: no column looks like the {what} (there are: {_described(columns)}); name it: {way}."
        )
    join = f", or several that are joined: --text {fitting[0]} --text {fitting[1]}" if what == "text" else ""
    listed = _described([column for column in columns if column.name in fitting])
    raise BadRequest(f"{shown}: several columns may be the {what} ({listed}); name it: {way}{join}.")


def _column(name: str, cells: Sequence[Any]) -> Column:
    nested = any(isinstance(cell, list | dict) for cell in cells)
    texts = [cell if isinstance(cell, str) else _text(cell) for cell in cells if cell is not None]
    return Column(name, tuple(text for text in texts if text and not text.isspace()), nested)


def _text(cell: Any) -> str:
    if isinstance(cell, list | dict):
        return json.dumps(cell)
    return "" if isinstance(cell, float) and math.isnan(cell) else str(cell)


def _is_list(column: Column) -> bool:
    return column.nested or column.values[0].lstrip().startswith("[")


def _described(columns: Sequence[Column]) -> str:
    said = [f"{one.name}: {one.distinct} values in {len(one.values)} rows" for one in columns[:NAMED]]
    return "; ".join(said) + ("; …" if len(columns) > NAMED else "")
