"""`curate/qa`: the forms that answers come in, contexts that stay together, bad rows by file and line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import asked
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest

Curated = Callable[..., Dataset]

FILLER = asked.rows(40)
CONTEXT = "Ada was born in London. London is large."


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def answers(data: Dataset, question: str = "Where?") -> list[dict[str, Any]]:
    """The answers to a question, in whatever split it is."""
    for split in ("train", "validation", "test"):
        for row in data.rows(split, "question", "context", "answers"):
            if row["question"] == question:
                for one in row["answers"]:
                    assert row["context"][one["start"] :].startswith(one["text"])
                found: list[dict[str, Any]] = row["answers"]
                return found
    raise AssertionError(question)


@pytest.mark.parametrize(
    ("file", "content", "options"),
    [
        ("a.jsonl", {"question": "Where?", "context": CONTEXT, "answers": ["London"]}, {}),
        ("a.jsonl", {"question": "Where?", "context": CONTEXT, "answers": [{"text": "London", "answer_start": 16}]}, {}),
        ("a.jsonl", {"question": "Where?", "context": CONTEXT, "answers": {"text": ["London"], "answer_start": [16]}}, {}),
        ("a.jsonl", {"question": "Where?", "context": CONTEXT, "answer": "London"}, {}),
        ("a.jsonl", {"q": "Where?", "passage": CONTEXT, "a": "London"}, {"fields": {"question": "q", "context": "passage", "answer": "a"}}),
        ("a.csv", f"question,context,answer,answer_start\nWhere?,{CONTEXT},London,16\n", {}),
        ("a.json", json.dumps({"data": [{"title": "T", "paragraphs": [{"context": CONTEXT, "qas": [{"id": "1", "question": "Where?", "answers": [{"text": "London", "answer_start": 16}]}]}]}]}), {"format": "squad"}),
    ],
)  # fmt: skip
def test_every_form_says_the_same(qa: Curated, file: str, content: Any, options: dict[str, Any]) -> None:
    text = content if isinstance(content, str) else jsonl([content])
    data = qa({"all": {"rows.jsonl": jsonl(FILLER)}, "mine": {file: text}}, inputs={"mine": options})
    assert answers(data) == [{"text": "London", "start": 16}]
    assert data.meta == {"task": "question-answering", "unanswerable": False}


def test_several_right_answers_may_overlap_and_are_kept(qa: Curated) -> None:
    row = {"question": "Where?", "context": CONTEXT, "answers": ["London", "in London", "London"]}
    data = qa({"all": {"rows.jsonl": jsonl([*FILLER, row])}})
    assert answers(data) == [{"text": "in London", "start": 13}, {"text": "London", "start": 16}]


def test_answers_move_with_a_context_that_is_repaired_and_redacted(qa: Curated) -> None:
    context = "write  to ada@example.com ;  she lives in   New\nYork &amp; Rome"
    row = {"question": "Where?", "context": context, "answers": ["New\nYork", "ada@example.com"]}
    data = qa({"all": {"rows.jsonl": jsonl([*FILLER, row])}}, redact=["email"])
    assert [one["text"] for one in answers(data)] == ["<EMAIL>", "New York"]


def test_questions_about_one_context_stay_in_one_split(qa: Curated) -> None:
    rows = [
        {"question": f"{n}?", "context": f"Text {i} is here.", "answers": ["here"]}
        for i in range(30)
        for n in range(4)
    ]
    data = qa({"all": {"rows.jsonl": jsonl(rows)}})
    seen = [set(data.columns(split, "context")[0]) for split in ("train", "validation", "test")]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 30
    assert data.summary["train"] + data.summary["validation"] + data.summary["test"] == 120
    near = qa({"all": {"rows.jsonl": jsonl([*FILLER, *rows])}}, near_duplicates=0.6)
    assert near.summary["near_duplicates"] == 0  # they are kept together, not dropped


def test_contexts_of_a_given_split_are_in_no_other(qa: Curated) -> None:
    near = CONTEXT.replace("large", "big")
    test = [{"question": "Who?", "context": f"{one} {CONTEXT}", "answers": ["Ada"]} for one in ("So:", "")]
    rows = [
        *FILLER,
        *({"question": "Where?", "context": one, "answers": ["London"]} for one in (f" {CONTEXT}", near)),
    ]
    given = {"all": {"rows.jsonl": jsonl(rows)}, "test": {"t.jsonl": jsonl(test)}}
    data = qa({**given, "transfer": {"t.jsonl": jsonl([{"question": "When?", "context": CONTEXT}])}})
    assert data.summary["dropped"] == {"about a context of a test row": 2}
    assert data.summary["test"] == 2
    assert data.summary["train"] + data.summary["validation"] == 41
    near_too = qa(given, near_duplicates=0.4)
    assert near_too.summary["dropped"] == {"about a context of a test row": 2}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"context": CONTEXT, "answers": ["Paris"]}, "an answer that is not in its context: 'Paris'"),
        ({"context": CONTEXT, "answers": [{"text": "London", "answer_start": 3}]}, "'London' is said to stand at 3, where there is ' was b'"),
        ({"context": CONTEXT, "answers": []}, "no answer: set unanswerable: true"),
        ({"context": "", "answers": ["x"]}, "no context"),
        ({"context": CONTEXT, "answers": [True]}, "no list of answers: an answer is True"),
        ({"context": CONTEXT, "answer": ["London"]}, "no list of answers: an answer is ['London']"),
        ({"context": CONTEXT, "answers": {"text": ["London"], "answer_start": 5}}, "no list of answers"),
        ({"context": CONTEXT, "answer": "London", "answer_start": "inf"}, "answer_start is 'inf'"),
        ({"context": CONTEXT, "answers": {"text": ["London"], "answer_start": []}}, "no list of answers"),
        ({"context": CONTEXT, "answer": "London", "answer_start": "x"}, "answer_start is 'x'"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_file_and_line(qa: Curated, row: dict[str, Any], reason: str) -> None:
    given = {"all": {"rows.jsonl": jsonl([*FILLER, {"question": "Where?", **row}])}}
    with pytest.raises(BadRequest, match="^all/rows.jsonl:41: ") as caught:
        qa(given, bad_rows="refuse")
    assert reason in str(caught.value)
    assert sum(qa(given).summary["dropped"].values()) == 1


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.jsonl", {"answer": 1998}),
        ("a.jsonl", {"answers": [1998]}),
        ("a.csv", "question,context,answers\nWhen?,It was 1998.,1998\n"),
    ],
)
def test_an_answer_may_be_a_number(qa: Curated, file: str, content: Any) -> None:
    row = {"question": "When?", "context": "It was 1998."}
    text = content if isinstance(content, str) else jsonl([{**row, **content}])
    data = qa({"all": {"rows.jsonl": jsonl(FILLER)}, "mine": {file: text}}, unanswerable=True)
    assert answers(data, "When?") == [{"text": "1998", "start": 7}]


def test_cards_quote_no_row(qa: Curated) -> None:
    row = {"question": "Who?", "context": CONTEXT, "answers": ["ann@example.org"]}
    data = qa({"all": {"rows.jsonl": jsonl([*FILLER, row])}}, redact=["email"])
    assert "ann@" not in (data.path / "card.json").read_text()
    assert data.summary["warnings"] == [
        "rows dropped, an answer that is not in its context: 1; the first: all/rows.jsonl:41: an answer that is "
        "not in its context"
    ]


def test_questions_without_an_answer_are_taken_where_asked_for(qa: Curated) -> None:
    row = {"question": "Where?", "context": CONTEXT, "answers": []}
    data = qa({"all": {"rows.jsonl": jsonl([*FILLER, row])}}, unanswerable=True)
    assert answers(data) == []
    assert data.meta["unanswerable"] is True


def test_a_file_of_another_form_is_refused(qa: Curated) -> None:
    with pytest.raises(BadRequest, match="all/a.json: not a file of SQuAD"):
        qa({"all": {"a.json": "[]"}}, format="squad")


def test_unanswered_questions_are_for_transfer(qa: Curated) -> None:
    more = {"more.jsonl": jsonl([{"question": "Who?", "context": "Bo is here."}])}
    data = qa({"all": {"rows.jsonl": jsonl(FILLER)}, "transfer": more})
    assert data.rows("transfer", "question", "answers") == [{"question": "Who?", "answers": None}]
