"""Altered copies: decided by the text alone, different from it, and each way does what it says."""

import pytest
from pydantic import ValidationError

from slmworks.contract.errors import BadRequest
from slmworks_torch.augment import Augmentation, Augmenter, copies
from slmworks_torch.rows import Rows

TEXTS = [
    "why is my card still pending",
    "why was my card declined today",
    "where is my new card",
    "how do I top up my account by transfer",
    "my transfer was declined",
]
NONE = dict.fromkeys(("splice", "substitute", "drop", "span", "join", "typo"), 0.0)


def only(way: str) -> Augmenter:
    return Augmenter(TEXTS, Augmentation(**{**NONE, way: 1.0}))


def many(way: str) -> list[tuple[str, str]]:
    augmenter = only(way)
    return [(text, augmenter.copy(text, number)) for text in TEXTS for number in range(30)]


def test_copies_are_the_same_every_time_and_whatever_their_number():
    rows = Rows([str(i) for i in range(5)], TEXTS, [0, 1, 0, 1, 0])
    three, four = copies(rows, Augmentation(augment=3)), copies(rows, Augmentation(augment=4))
    assert three == four[:3]
    assert three == copies(rows, Augmentation(augment=3))
    assert len({identity for one in four for identity in one.ids}) == 20


def test_copies_have_no_label():
    rows = Rows(["a", "b"], TEXTS[:2], [0, 1])
    assert all(one.classes == [] for one in copies(rows, Augmentation(augment=2)))


def test_no_copies_unless_asked():
    assert copies(Rows(["a"], TEXTS[:1], [0]), Augmentation()) == []


def test_most_copies_are_new_texts():
    augmenter = Augmenter(TEXTS, Augmentation())
    made = {augmenter.copy(text, number) for text in TEXTS for number in range(20)}
    assert len(made - set(TEXTS)) > 40


def test_a_splice_begins_as_one_text_and_ends_as_another():
    augmenter = only("splice")
    made = {augmenter.copy("why is my card still pending", number) for number in range(50)}
    assert "why is my card declined today" in made
    assert "why is my transfer was declined" in made


def test_substitutes_come_from_the_same_neighbours():
    augmenter = only("substitute")
    made = {augmenter.copy("why is my card still pending", number) for number in range(30)}
    assert "why was my card still pending" in made


def test_a_span_is_a_run_of_the_text():
    assert all(made in text and made != text for text, made in many("span"))


def test_left_out_words_leave_the_others():
    assert all(set(made.split()) <= set(text.split()) for text, made in many("drop"))


def test_a_typo_changes_one_word():
    for text, made in many("typo"):
        assert sum(a != b for a, b in zip(text.split(), made.split(), strict=True)) <= 1


@pytest.mark.parametrize("text", ["", "card", "a", "kaart?", "為什麼我的卡", "🙂 🙂"])
@pytest.mark.parametrize("way", sorted(NONE))
def test_odd_texts_give_a_text(way, text):
    augmenter = Augmenter([*TEXTS, text], Augmentation(**{**NONE, way: 1.0}))
    assert all(isinstance(augmenter.copy(text, number), str) for number in range(20))
    if text:
        assert all(augmenter.copy(text, number) for number in range(20))


def test_no_way_at_all_is_refused():
    with pytest.raises(BadRequest, match="every way is 0"):
        copies(Rows(["a"], TEXTS[:1], [0]), Augmentation(augment=1, **NONE))


@pytest.mark.parametrize("options", [{"augment": -1}, {"drop_rate": 1.0}, {"typo": -0.1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValidationError):
        Augmentation(**options)
