"""Words and their partners: how texts are swapped, and what is wrong with a list."""

import pytest

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.evaluate import swaps
from slmworks.evaluate.swaps import Swaps

GENDER, NAMES = swaps.read(None, ["gender", "names"])


def listed(tmp_path, text: str | bytes, name: str = "words.csv") -> Files:
    (tmp_path / "probes").mkdir(exist_ok=True)
    (tmp_path / "probes" / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return Files(path=tmp_path)


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        (
            "He said his brother is there; the other men, too.",
            "She said her sister is there; the other women, too.",
        ),
        ("SHE and the Woman", "HE and the Man"),
        ("Mr Smith called Ms Jones.", "Mrs Smith called Mr Jones."),
        ("she's here, theme", "he's here, theme"),
    ],
)
def test_words_are_swapped_as_they_are_written(text, swapped):
    assert GENDER.swapped(text)[0] == swapped


@pytest.mark.parametrize("text", ["ſhe is late", "İmam"])
def test_letters_whose_small_form_is_another_word_are_left_as_they_are(text):
    kind = Swaps.of("roles", [("she", "he"), ("imam", "rabbi")])
    assert kind.swapped(text) == (text, [])
    assert kind.moved({"start": len(text), "end": len(text)}, text) == {"start": len(text), "end": len(text)}


def test_names_are_found_as_they_stand_and_go_both_ways():
    assert NAMES.swapped("Emma's and Amina, emma") == ("Amina's and Emma, emma", ["Emma", "Amina"])


def test_a_word_without_a_partner_leaves_its_text_out():
    text, words = GENDER.swapped("He told her.")
    assert (text, words) == ("She told her.", ["he", "her"])
    assert not GENDER.has_partners(words)


def test_texts_in_messages_are_swapped_and_roles_are_not():
    kind = Swaps.of("roles", [("user", "customer")])
    row = [{"role": "user", "content": "A user asks."}, {"role": "assistant", "content": "User?"}]
    assert kind.swapped(row)[0] == [
        {"role": "user", "content": "A customer asks."},
        {"role": "assistant", "content": "Customer?"},
    ]


def test_spans_of_an_answer_move_with_the_text():
    text = "Emma saw Amina and Tom."
    names = ("Emma", "Amina", "Tom")
    spans = [{"start": text.index(name), "end": text.index(name) + len(name), "text": name} for name in names]
    moved = NAMES.moved({"entities": spans}, text)["entities"]
    swapped = NAMES.swapped(text)[0]
    assert [one["text"] for one in moved] == ["Amina", "Emma", "Tom"]
    assert [swapped[one["start"] : one["end"]] for one in moved] == ["Amina", "Emma", "Tom"]


def test_every_word_of_ours_has_its_way_back_or_none_on_purpose():
    for kind in swaps.read(None):
        for word, partner in kind.partners.items():
            assert not partner or partner in kind.partners, (kind.kind, word)
            assert word != partner


def test_a_list_of_the_user_s_takes_the_place_of_ours(tmp_path):
    (age,) = swaps.read(listed(tmp_path, '\ufeffkind,word,swap\nage,young,old\nage,"20 years",70 years\n'))
    assert age.swapped("Young, 20 years old")[0] == "Old, 70 years young"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("word,swap\na,b\n", "words.csv has no column 'kind'; its first line must name kind, word and swap."),
        ("kind,word,swap\n", "no words to swap; give it a CSV file with the columns kind, word and swap."),
        ("kind,word,swap\nage,old,\n", "no words to swap"),
        ("kind,word,swap\nage,a,b\n,old,young\n", "words.csv, line 3 has no kind;"),
        ("kind,word,swap\nage,,young\n", "words.csv, line 2 has no word;"),
        ("kind,word,swap\nage,old,old\n", "words.csv, line 2 has 'old' for itself;"),
        (b"kind,word,swap\nage,\xe4lter,b\n", "words.csv is no UTF-8 text"),
    ],
)
def test_a_list_that_is_none_is_refused_in_a_line(tmp_path, text, problem):
    with pytest.raises(BadRequest) as caught:
        swaps.read(listed(tmp_path, text))
    assert str(caught.value).startswith("probes: ")
    assert problem in str(caught.value)


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        BadRequest, match="kinds: no list of words is called 'genders'. Did you mean 'gender'?"
    ):
        swaps.read(None, ["genders"])
