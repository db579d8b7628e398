"""`curate/tags`: the forms that entities come in, marks that stay in place, bad rows by file and line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import tagged
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks_text.annotated.marks import Annotated, Mark
from slmworks_text.personal import Redactor

Curated = Callable[..., Dataset]

FILLER = tagged.sentences(40)


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def all_rows(data: Dataset) -> dict[str, list[tuple[str, str]]]:
    """Text -> its entities as (text, label), of every split."""
    found = {}
    for split in ("train", "validation", "test"):
        for row in data.rows(split, "text", "entities"):
            found[row["text"]] = [
                (row["text"][one["start"] : one["end"]], one["label"]) for one in row["entities"]
            ]
    return found


def test_texts_with_entities_become_rows(tags: Curated) -> None:
    data = tags({"all": {"rows.jsonl": jsonl(FILLER)}})
    assert data.meta == {"task": "token-classification", "labels": tagged.LABELS}
    assert sum(data.summary[split] for split in ("train", "validation", "test")) == 40
    wanted = {
        row["text"]: [(row["text"][one["start"] : one["end"]], one["label"]) for one in row["entities"]]
        for row in FILLER
    }
    assert all_rows(data) == wanted
    card = json.loads((data.path / "card.json").read_text())
    assert set(card["splits"]["train"]["labels"]) == set(tagged.LABELS)


@pytest.mark.parametrize(
    ("file", "line", "options"),
    [
        ("a.jsonl", {"text": "Ada met Bo Li", "entities": [[0, 3, "PERSON"], [8, 13, "PERSON"]]}, {}),
        ("a.jsonl", {"tokens": ["Ada", "met", "Bo", "Li"], "tags": ["B-PERSON", "O", "B-PERSON", "I-PERSON"]}, {}),
        ("a.jsonl", {"tokens": ["Ada", "met", "Bo", "Li"], "tags": ["S-PERSON", "O", "B-PERSON", "E-PERSON"]}, {}),
        ("a.jsonl", {"tokens": ["Ada", "met", "Bo", "Li"], "tags": [1, 0, 1, 2]}, {"tag_names": ["O", "B-PERSON", "I-PERSON"]}),
        ("a.jsonl", {"full": "Ada met Bo Li", "spans": [{"from": 0, "to": 3, "type": "PER", "value": "Ada"}, {"from": 8, "to": 13, "type": "PER"}]},
         {"fields": {"text": "full", "entities": "spans", "start": "from", "end": "to", "label": "type"}, "labels": {"PER": "PERSON", "PLACE": "PLACE", "PERSON": "PERSON"}}),
        ("a.conll", "-DOCSTART- -X- O\n\nAda NNP B-PERSON\nmet VBD O\nBo NNP B-PERSON\nLi NNP I-PERSON\n", {}),
        ("a.conllu", "# text = x\n1\tAda\tB-PERSON\n2-3\tmetBo\t_\n2\tmet\tO\n3\tBo\tB-PERSON\n4\tLi\tI-PERSON\n\n", {"columns": ["id", "tokens", "tags"]}),
        ("a.csv", 'text,entities\nAda met Bo Li,"[[0, 3, ""PERSON""], [8, 13, ""PERSON""]]"\n', {}),
        ("a.csv", "tokens,tags\nAda met Bo Li,B-PERSON O B-PERSON I-PERSON\n", {}),
    ],
)  # fmt: skip
def test_every_form_says_the_same(tags: Curated, file: str, line: Any, options: dict[str, Any]) -> None:
    content = line if isinstance(line, str) else jsonl([line])
    fields, columns = options.pop("fields", None), options.pop("columns", None)
    own = {name: value for name, value in (("fields", fields), ("columns", columns)) if value}
    given = {"all": {"rows.jsonl": jsonl(FILLER)}, "mine": {file: content}}
    data = tags(given, inputs={"mine": own} if own else {}, **options)
    assert all_rows(data)["Ada met Bo Li"] == [("Ada", "PERSON"), ("Bo Li", "PERSON")]


def test_a_class_for_every_word(tags: Curated) -> None:
    sentence = (
        "Dogs NOUN\nbark VERB\n. PUNCT\n\nCats NOUN\nsleep VERB\n! PUNCT\n\nFish NOUN\nswim VERB\n? PUNCT\n"
    )
    data = tags({"all": {"pos.conll": sentence}}, scheme="words", validation=0.3, test=0.3)
    assert data.meta["labels"] == ["NOUN", "PUNCT", "VERB"]
    assert all_rows(data)["Dogs bark ."] == [("Dogs", "NOUN"), ("bark", "VERB"), (".", "PUNCT")]


def test_marks_move_with_what_is_repaired(tags: Curated) -> None:
    text = "  cafÃ©  with   Ada\n\tLovelace &amp; co "
    start = text.index("Ada")
    row = {"text": text, "entities": [[start, text.index(" &") + 1, "PERSON"]]}
    data = tags({"all": {"rows.jsonl": jsonl([*FILLER, row])}})
    assert all_rows(data)["café with Ada Lovelace & co"] == [("Ada Lovelace", "PERSON")]


def test_redaction_keeps_marks_on_what_they_marked(tags: Curated) -> None:
    text = "write to ada@example.com or Ada, then call Bo"
    marks = [[text.index("ada@"), text.index(" or"), "PERSON"], [text.index("Ada"), text.index(", then"), "PERSON"],
             [text.index("Bo"), len(text), "PERSON"]]  # fmt: skip
    data = tags(
        {"all": {"rows.jsonl": jsonl([*FILLER, {"text": text, "entities": marks}])}}, redact=["email"]
    )
    found = all_rows(data)["write to <EMAIL> or Ada, then call Bo"]
    assert found == [("<EMAIL>", "PERSON"), ("Ada", "PERSON"), ("Bo", "PERSON")]
    assert data.summary["redacted"] == 1


@pytest.mark.parametrize(
    ("marks", "wanted"),
    [
        ([(0, 3, "A"), (18, 20, "B")], [("see", "A"), ("ok", "B")]),
        ([(4, 7, "A"), (8, 17, "B")], [("<EMAIL>", "A")]),  # two within one tag: the first stays
        ([(0, 9, "A")], [("see <EMAIL>", "A")]),
        ([(6, 20, "A")], [("<EMAIL> ok", "A")]),
    ],
)
def test_a_mark_that_meets_a_tag_takes_all_of_it(marks, wanted) -> None:
    found = Annotated("see bob@x.example ok", tuple(Mark(*one) for one in marks))
    moved, counts = found.redacted(Redactor(["email"], "US"))
    assert counts == {"email": 1}
    assert [(moved.text[one.start : one.end], one.label) for one in moved.marks or ()] == wanted


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "Ada", "entities": [[0, 9, "PERSON"]]}, "a mark outside the text: 0 to 9 in a text of 3 characters"),
        ({"text": "a b", "entities": [[1, 2, "PERSON"]]}, "a mark of blanks: 1 to 2"),
        ({"text": "Ada Li Bo", "entities": [[0, 6, "PERSON"], [4, 9, "PLACE"]]}, "marks that overlap: 'Ada Li' and 'Li Bo'"),
        ({"text": "Ada", "entities": "PERSON"}, "no list of entities: entities are 'PERSON'"),
        ({"text": "Ada", "entities": [{"start": 0, "label": "PERSON"}]}, "an entity lacks one of start, end, label"),
        ({"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "PERSON", "value": "Bo"}]}, "'Bo' is said to stand at 0, where the text has 'Ada'"),
        ({"text": " ", "entities": []}, "no text"),
        ({"tokens": ["Ada", "met"], "tags": ["O"]}, "no tag for every word: 2 words and 1 tags"),
        ({"tokens": ["Ada"], "tags": ["PERSON"]}, "the tag 'PERSON' is neither O nor B-… or I-…; set scheme: words"),
        ({"tokens": ["Ada"], "tags": [1]}, "the tag 1 is a number: give tag_names"),
        ({"tokens": [], "tags": []}, "no list of words"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_file_and_line(tags: Curated, row: dict[str, Any], reason: str) -> None:
    given = {"all": {"rows.jsonl": jsonl([*FILLER, row])}}
    with pytest.raises(BadRequest, match="^all/rows.jsonl:41: ") as caught:
        tags(given, bad_rows="refuse")
    assert reason in str(caught.value)
    data = tags(given)
    assert sum(data.summary["dropped"].values()) == 1
    assert "all/rows.jsonl:41: " in data.summary["warnings"][0]


def test_cards_quote_no_row(tags: Curated) -> None:
    row = {"text": "I am Ann", "entities": [{"start": 0, "end": 2, "label": "PERSON", "value": "ann@x.org"}]}
    data = tags({"all": {"rows.jsonl": jsonl([*FILLER, row])}})
    (warning,) = data.summary["warnings"]
    assert warning.endswith("all/rows.jsonl:41: an entity that is not there: it is said to stand at 0")


def test_a_word_that_is_the_sign_of_a_comment(tags: Curated) -> None:
    mine = "# said by Ada\nnumber NN O\n# NN O\n# a comment of another width\n1 CD O\nBo NNP B-PERSON\n"
    data = tags({"all": {"rows.jsonl": jsonl(FILLER)}, "mine": {"a.conll": mine}})
    assert all_rows(data)["number # 1 Bo"] == [("Bo", "PERSON")]


def test_data_that_nothing_can_be_learnt_from_are_refused(tags: Curated) -> None:
    with pytest.raises(BadRequest, match="no row of train has a mark"):
        tags({"all": {"a.jsonl": jsonl([{"text": f"text {i}", "entities": []} for i in range(20)])}})
    with pytest.raises(BadRequest, match="label 'DOG' is in test and not in train"):
        tags(
            {
                "all": {"a.jsonl": jsonl(FILLER)},
                "test": {"a.jsonl": jsonl([{"text": "Rex", "entities": [[0, 3, "DOG"]]}])},
            }
        )
    bad = [{"text": f"{i}", "entities": [[0, 99, "A"]]} for i in range(40)]
    with pytest.raises(BadRequest, match="40 of 80 rows can't be used"):
        tags({"all": {"a.jsonl": jsonl([*FILLER, *bad])}})
    with pytest.raises(BadRequest, match="a.conll:1: one value a line"):
        tags({"all": {"a.conll": "Ada\nmet\n"}})


def test_duplicates_and_transfer(tags: Curated) -> None:
    twice = [
        FILLER[0],
        {"text": "Ada is odd", "entities": []},
        {"text": "Ada is odd", "entities": [[0, 3, "PERSON"]]},
    ]
    data = tags(
        {
            "all": {"a.jsonl": jsonl([*FILLER, *twice])},
            "transfer": {"b.jsonl": jsonl([{"text": "Bo is here"}])},
        }
    )
    assert data.summary["dropped"] == {"conflicting labels": 2, "duplicate": 1}
    assert data.rows("transfer", "text", "entities") == [{"text": "Bo is here", "entities": None}]
    same = tags(
        {
            "all": {"a.jsonl": jsonl([*FILLER, *twice])},
            "transfer": {"b.jsonl": jsonl([{"text": "Bo is here"}])},
        }
    )
    assert same.digest == data.digest
