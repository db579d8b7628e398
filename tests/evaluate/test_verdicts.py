"""Verdicts on pairs: read strictly, won from both places only, counted with intervals; by hand-made tables."""

import pytest

from slmworks.contract.generation import Settings
from slmworks.evaluate.verdicts import Pair, agreement, bias, win_rate
from slmworks.model_tasks.text_generation.judge_prompt import SCHEMA, question, verdict_of

WIN, LOSS, TIE = ("A", "B"), ("B", "A"), ("tie", "tie")
ALWAYS_FIRST, ALWAYS_SECOND = ("A", "A"), ("B", "B")


def pairs(*said: tuple[str | None, str | None]) -> list[Pair]:
    return [Pair(f"row {place}", *both) for place, both in enumerate(said)]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"verdict": "A"}', "A"),
        (' {"verdict":"tie"}\n', "tie"),
        ("B", "B"),
        ("tie ", "tie"),
        ("a", None),
        ('{"verdict": "C"}', None),
        ('{"verdict": "A", "because": "it is"}', None),
        ('{"verdict": "A"} and more', None),
        ('{"verdict": ["A"]}', None),
        ("A is better", None),
        ('["A"]', None),
        ("", None),
    ],
)
def test_a_verdict_is_read_strictly(text: str, verdict: str | None) -> None:
    assert verdict_of(text) == verdict


@pytest.mark.parametrize(
    ("said", "outcome", "flipped"),
    [
        (WIN, "win", False),
        (LOSS, "loss", False),
        (TIE, "tie", False),
        (ALWAYS_FIRST, "tie", True),
        (ALWAYS_SECOND, "tie", True),
        (("A", "tie"), "tie", False),
        (("tie", "A"), "tie", False),
        (("A", None), "unread", False),
        ((None, "tie"), "unread", False),
    ],
)
def test_an_answer_wins_only_if_it_is_preferred_from_both_places(said, outcome: str, flipped: bool) -> None:
    (one,) = pairs(said)
    assert (one.outcome, one.flipped) == (outcome, flipped)


def test_equal_answers_are_a_tie_and_no_case_of_bias() -> None:
    same = Pair("row", None, None, same=True)
    assert (same.outcome, same.flipped) == ("tie", False)
    assert bias([same]) == {"n": 0}


def test_the_win_rate_counts_a_tie_as_half_and_leaves_unread_pairs_out() -> None:
    found = win_rate(pairs(*[WIN] * 6, *[LOSS] * 2, *[TIE] * 2, ("A", None)))
    assert found.estimate.value == pytest.approx(0.7)
    assert found.estimate.low < found.bound < 0.7 < found.estimate.high
    with pytest.raises(ValueError, match="at least one row"):
        win_rate(pairs((None, "A")))


def test_the_interval_of_clear_verdicts_is_that_of_a_paired_share() -> None:
    all_won = win_rate(pairs(*[WIN] * 60)).bound
    assert all_won == pytest.approx(0.05 ** (1 / 60), abs=2e-3)  # Clopper & Pearson: nothing lost in 60
    even = win_rate(pairs(*[WIN] * 200, *[LOSS] * 200)).estimate
    assert even.value == 0.5
    assert (even.low, even.high) == pytest.approx((0.451, 0.549), abs=0.004)


def test_a_judge_that_prefers_a_place_decides_nothing() -> None:
    found = pairs(*[ALWAYS_FIRST] * 30)
    assert win_rate(found).estimate.value == 0.5
    told = bias(found)
    assert (told["n"], told["flipped"], told["value"], told["first"]) == (30, 30, 1.0, 1.0)


def test_bias_is_the_share_of_asked_pairs_that_flipped() -> None:
    told = bias(
        [*pairs(WIN, TIE, ALWAYS_FIRST, ALWAYS_SECOND, (None, "A")), Pair("x", None, None, same=True)]
    )
    assert (told["n"], told["flipped"], told["value"], told["first"]) == (4, 2, 0.5, 0.5)


def test_agreement_is_over_rows_of_which_exactly_one_answer_is_right() -> None:
    found = pairs(WIN, LOSS, TIE, WIN, (None, "A"), WIN)
    right = dict(
        zip(
            (one.id for one in found),
            [(True, False), (True, False), (False, True), (True, True), (True, False), (False, False)],
            strict=True,
        )
    )
    told = agreement(found, right)
    assert {name: told[name] for name in ("n", "agree", "ties", "disagree")} == {
        "n": 3, "agree": 1, "ties": 1, "disagree": 1,
    }  # fmt: skip
    assert told["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert agreement(found[3:4], right) == {"n": 0}


def test_the_judge_reads_the_conversation_and_both_answers_and_not_the_truth() -> None:
    row = {
        "messages": [{"role": "tools", "content": "[]"}, {"role": "user", "content": "2 + {n}?"}],
        "completion": "secret",
    }
    asked = question(row, "four", "five", "Short {x}.", Settings(schema=SCHEMA))
    (turn,) = asked.row["messages"]
    text = turn["content"]
    assert turn["role"] == "user"
    assert text.index("[user] 2 + {n}?") < text.index("answer A\nfour") < text.index("answer B\nfive")
    assert "Short {x}." in text
    assert "secret" not in text
    assert question(row, "five", "four", "Short {x}.", Settings(schema=SCHEMA)).key != asked.key
