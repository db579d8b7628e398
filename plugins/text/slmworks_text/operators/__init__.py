"""Row operators: each looks at one row alone, so rows can be cleaned in shards and in any order.

An operator holds options only and can be pickled; its counts go into a tally, and the tallies of shards add
up. Anything that must compare rows is a join (`slmworks_text.joins`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from slmworks_text.operators.bad_bytes import CountBadBytes
from slmworks_text.operators.length import LimitLength
from slmworks_text.operators.normalise import Normalise
from slmworks_text.operators.redact import Redact
from slmworks_text.personal import Kind, Redactor
from slmworks_text.rows import Row, Tally
from slmworks_text.schema import Schema

Operator = Callable[[Row, Tally], Row | None]
"""Takes a row and returns it, changed or not; None drops it. Changes and drops are counted in the tally."""


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


def clean(rows: Iterable[Row], operators: Sequence[Operator], tally: Tally) -> Iterator[Row]:
    """The rows that no operator drops, with their final texts."""
    for row in rows:
        found: Row | None = row
        for operator in operators:
            found = operator(found, tally) if found else None
        if found:
            yield found
