"""How many rows fit into a round of a speed measurement: the same for every model, set by the slowest.

A classifier answers in milliseconds, and a generator may take seconds for one row. Where answers are
written token by token, the number of rounds and the size of a batch give way, so that measuring takes about
as long as it was asked to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from slmworks.contract.model_task import Row
from slmworks.evaluate.probe import Probe
from slmworks.numbers import figures

WARM = 10
"""Rows that quick models answer before the clock counts."""
FEWEST = 3
"""Rounds at least: they are what intervals resample."""
MOST_SINGLES, MOST_BATCHES = 500, 50
"""Rows alone, and batches, of one round at most."""


@dataclass(frozen=True)
class Pace:
    """Rounds, and the rows of each."""

    rounds: int
    singles: int
    """Rows of a round that are answered alone."""
    batch_size: int
    """Rows that are answered together."""
    batch_rows: int
    """Rows of a round that are answered in batches."""

    @classmethod
    def of(
        cls, probes: Sequence[Probe], rows: Sequence[Row], *, seconds: float, rounds: int, batch_size: int
    ) -> "Pace":
        """Try the models out, and plan `rounds` rounds of `seconds` together."""
        if any(one.writes for one in probes):
            return _of_writers(probes, rows, seconds, rounds, batch_size)
        return _of_quick(probes, rows, seconds, rounds, batch_size)

    def rows(self, rows: Sequence[Row], turn: int) -> tuple[list[Row], list[Row]]:
        """The rows of a turn, alone and in batches; going on through all rows and beginning again."""
        singles = taken(rows, turn * self.singles, self.singles)
        return singles, taken(rows, turn * self.batch_rows, self.batch_rows)

    def less(self, rounds: int, batch_size: int, seconds: float) -> str:
        """A sentence where it is less than was asked for; else empty."""
        short = [
            f"{got} instead of {asked} {of}"
            for got, asked, of in (
                (self.rounds, rounds, "rounds"),
                (self.batch_size, batch_size, "rows of a batch"),
            )
            if got < asked
        ]
        return (
            f"{' and '.join(short)} fit {figures.amount(seconds)} s: answers are slow; raise `seconds` for "
            "surer numbers."
            if short
            else ""
        )


def taken(rows: Sequence[Row], start: int, length: int) -> list[Row]:
    """So many rows from a place on, beginning again at the end."""
    return [rows[(start + i) % len(rows)] for i in range(length)]


def _of_quick(
    probes: Sequence[Probe], rows: Sequence[Row], seconds: float, rounds: int, batch_size: int
) -> Pace:
    warm, batch = taken(rows, 0, WARM), taken(rows, 0, batch_size)
    single_s = batch_s = 0.0
    for one in probes:  # the first calls are slow (allocation, caches) and don't count
        one.singles(warm)
        one.batches(batch, batch_size)
        single_s += sum(one.singles(warm).ms) / 1000 / len(warm)
        batch_s += one.batches(batch, batch_size).seconds
    share = seconds / rounds / 2
    return Pace(
        rounds=rounds,
        singles=_within(share / single_s, 5, MOST_SINGLES),
        batch_size=batch_size,
        batch_rows=batch_size * _within(share / batch_s, 1, MOST_BATCHES),
    )


def _of_writers(
    probes: Sequence[Probe], rows: Sequence[Row], seconds: float, rounds: int, batch_size: int
) -> Pace:
    """Half of the time for rows alone, half for batches; one row and one batch a round at least."""
    for one in probes:
        one.singles(taken(rows, 0, 1))
    single_s = sum(sum(one.singles(taken(rows, 1, 1)).ms) for one in probes) / 1000
    rounds = _within(seconds / 2 / single_s, min(FEWEST, rounds), rounds)
    share = seconds / 2 / rounds
    size, batch_s = 1, single_s
    while size < batch_size and 2 * batch_s <= share:  # twice the rows take twice as long at most
        size = min(2 * size, batch_size)
        batch_s = sum(one.batches(taken(rows, 2, size), size).seconds for one in probes)
    return Pace(
        rounds=rounds,
        singles=_within(share / single_s, 1, MOST_SINGLES),
        batch_size=size,
        batch_rows=size * _within(share / batch_s, 1, MOST_BATCHES),
    )


def _within(number: float, least: int, most: int) -> int:
    return int(min(max(number, least), most))
