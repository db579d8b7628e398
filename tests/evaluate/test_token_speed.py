"""Speed of models that write token by token: what a report says, and how long it takes to come to it."""

from dataclasses import replace

import pytest

from slmworks.contract.runtime import Timing
from slmworks.evaluate.pace import Pace
from slmworks.evaluate.probe import Batches, Singles
from slmworks.evaluate.timing import Timings, token_speedups

ROWS = [{"messages": str(number)} for number in range(40)]


class Clockwork:
    """A model that takes so many seconds a row, alone and in a batch: no time passes."""

    def __init__(self, alone: float, together: float, *, writes: bool = True) -> None:
        self.alone, self.together, self.writes = alone, together, writes
        self.spent = 0.0

    def singles(self, rows):
        self.spent += self.alone * len(rows)
        return Singles([1000 * self.alone] * len(rows), [])

    def batches(self, rows, batch_size):
        taken = len(rows) * self.together
        self.spent += taken
        return Batches(taken, [])


def measured(
    *models: Clockwork, seconds: float, rounds: int = 12, batch_size: int = 32
) -> tuple[Pace, float]:
    """The pace, and the seconds that trying and measuring take at it."""
    pace = Pace.of(models, ROWS, seconds=seconds, rounds=rounds, batch_size=batch_size)
    for turn in range(pace.rounds):
        singles, batch = pace.rows(ROWS, turn)
        for one in models:
            one.singles(singles)
            one.batches(batch, pace.batch_size)
    return pace, sum(one.spent for one in models)


@pytest.mark.parametrize("alone", [0.001, 0.05, 0.4, 1.0])
def test_measuring_writers_takes_about_as_long_as_asked(alone: float) -> None:
    pace, spent = measured(Clockwork(alone, alone), Clockwork(alone / 4, alone / 4), seconds=10)
    assert spent < 10 + 7 * 1.25 * alone + 5
    assert spent > 5
    assert pace.rounds >= 3


def test_slow_answers_have_fewer_rounds_and_smaller_batches_and_it_says_so() -> None:
    pace, spent = measured(Clockwork(1.0, 1.0), seconds=10)
    assert (pace.rounds, pace.singles, pace.batch_size, pace.batch_rows) == (5, 1, 1, 1)
    assert spent == 2 + 5 * 2
    assert pace.less(12, 32, 10) == (
        "5 instead of 12 rounds and 1 instead of 32 rows of a batch fit 10.0 s: answers are slow; raise "
        "`seconds` for surer numbers."
    )


def test_answers_that_cost_less_together_have_larger_batches() -> None:
    pace, _ = measured(Clockwork(0.2, 0.01), seconds=10)
    assert pace.batch_size == 32
    assert pace.rounds == 12
    assert pace.less(12, 32, 10) == ""


def test_models_that_answer_whole_keep_their_rounds_and_batches() -> None:
    pace, _ = measured(Clockwork(1.0, 1.0, writes=False), seconds=10)
    assert (pace.rounds, pace.singles, pace.batch_size, pace.batch_rows) == (12, 5, 32, 32)


def timings(first_s: float, token_s: float, tokens: int = 11) -> Timings:
    """Three rounds of two rows of 100 tokens; at once the second waits for the first."""
    whole = first_s + (tokens - 1) * token_s
    alone = Timing(100, first_s, tokens, whole)
    waiting = Timing(100, whole + first_s, tokens, 2 * whole)
    return Timings(
        singles=[[1000 * whole] * 2] * 3,
        batches=[(2, 2 * whole)] * 3,
        alone=[[alone, alone]] * 3,
        at_once=[[alone, waiting]] * 3,
    )


def test_prompt_and_answer_have_rates_of_their_own() -> None:
    assert timings(0.5, 0.05).numbers() == {
        "p50_ms": 1000.0,
        "p95_ms": 1000.0,
        "rows_s": 1.0,
        "tokens": {
            "first_token_ms": 500.0,
            "prompt_tokens_s": 200.0,
            "answer_tokens_s": 20.0,
            "at_once": {"first_token_ms": 1000.0, "tokens_s": 11.0},
        },
    }


def test_answers_of_one_token_have_no_rate() -> None:
    found = timings(0.5, 0.05, tokens=1)
    assert "answer_tokens_s" not in found.numbers()["tokens"]
    assert token_speedups(found, timings(1.0, 0.1), seed=0).keys() == {"prompt"}


def test_parts_are_compared_apart_and_only_where_both_write() -> None:
    ours, theirs = timings(0.5, 0.02), timings(0.25, 0.1)
    found = token_speedups(ours, theirs, seed=0)
    assert found["prompt"].value == pytest.approx(0.5)
    assert found["answer"].value == pytest.approx(5)
    whole = replace(theirs, alone=[], at_once=[])
    assert token_speedups(ours, whole, seed=0) == token_speedups(whole, ours, seed=0) == {}
    assert "tokens" not in whole.numbers()
