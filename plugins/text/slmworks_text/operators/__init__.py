"""Row operators: each looks at one row alone, so rows can be cleaned in shards and in any order.

An operator holds options only and can be pickled; its counts go into a tally, and the tallies of shards add
up. It takes many rows at once, so that a cheap look at all of them can spare most a search. Anything that
must compare rows is a join (`slmworks_text.joins`).
"""

from collections.abc import Sequence
from typing import Protocol

from slmworks_text.operators.bad_bytes import CountBadBytes
from slmworks_text.operators.length import LimitLength
from slmworks_text.operators.normalise import Normalise
from slmworks_text.operators.redact import Redact
from slmworks_text.personal import Kind, Redactor
from slmworks_text.rows import Row, Tally
from slmworks_text.schema import Schema


class Operator(Protocol):
    """Keeps, changes and drops rows."""

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows that stay, changed or not. Changes and drops are counted in the tally."""


def operators_for(
    schema: Schema,
    *,
    bad_bytes: bool,
    normalise: bool,
    redact: Sequence[Kind],
    region: str,
    min_chars: int,
    max_chars: int | None,
) -> tuple[Operator, ...]:
    """The operators that are asked for, in the order in which a row passes them."""
    chosen: list[tuple[bool, Operator]] = [
        (bad_bytes, CountBadBytes(schema.texts)),
        (normalise, Normalise(schema.texts)),
        (bool(redact), Redact(schema.texts, Redactor(redact, region))),
        (True, LimitLength(schema.input, schema.target, min_chars, max_chars)),
    ]
    return tuple(operator for wanted, operator in chosen if wanted)


def clean(rows: Sequence[Row], operators: Sequence[Operator], tally: Tally) -> Sequence[Row]:
    """The rows that no operator drops, with their final texts."""
    for operator in operators:
        rows = operator(rows, tally)
    return rows
