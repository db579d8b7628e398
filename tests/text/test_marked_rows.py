"""Texts with marks pass the operators and joins of all curations, and their marks stay where they belong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import asked
import tagged
from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.testing import Bench, sealed
from slmworks_text.annotated.carried import carried
from slmworks_text.annotated.marks import BadRow, Mark
from slmworks_text.curate_qa import CurateQA
from slmworks_text.curate_tags import CurateTags
from slmworks_text.explain.explained import explained

Curated = Callable[..., Dataset]

SENTENCES = tagged.sentences(40)
QUESTIONS = asked.rows(40)


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def marked(text: str) -> tuple[str, tuple[Mark, ...]]:
    """A text without brackets, and what they enclosed."""
    plain, marks, start = "", [], 0
    for sign in text:
        if sign == "[":
            start = len(plain)
        elif sign == "]":
            marks.append(Mark(start, len(plain), "X"))
        else:
            plain += sign
    return plain, tuple(marks)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[Ada] met [Bo Li]", "[Ada] met [Bo Li]"),
        ("oh, [Ada] met [Bo Li] twice", "[Ada] met [Bo Li]"),  # words around them are gone
        ("[Ada]   met\n[Bo  Li]", "[Ada] met [Bo Li]"),
        ("[ADA] met [ＢＯ Ｌｉ]", "[Ada] met [Bo Li]"),
        ("mail [a@b.org] or [Ada]", "mail [<EMAIL>] or [Ada]"),
        ("mail me: [a@b.org]. [Ada]", "mail me: [<EMAIL>]. [Ada]"),
        ("call [555 123] 4567, [Ada]", "call [<PHONE>], [Ada]"),  # as far as the tag goes
        ("[Ada Lovelace] came", "[*** Lovelace] came"),
        ("[Lady Ada] came", "[Ada] came"),
        ("the [be] in [be]lief", "a [be] in [be]lief"),
        ("我住在[北京]，很好", "住在[北京]，好"),
        ("in [New York] and [York]", "in [New York] or [York]"),
    ],
)
def test_marks_move_with_their_words(before: str, after: str) -> None:
    text, marks = marked(before)
    new, wanted = marked(after)
    assert carried(text, marks, new) == wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I saw [Ada] there", "I saw there"),
        ("I saw [Ada] in town today", "I saw somebody or other today"),  # what of it was Ada?
        ("[Ada]", ""),
    ],
)
def test_a_mark_whose_words_are_gone_is_gone(before: str, after: str) -> None:
    text, marks = marked(before)
    with pytest.raises(BadRow, match="a marked part is gone"):
        carried(text, marks, after)


def test_long_texts_are_carried_in_no_time() -> None:
    words = [f"word{i % 700} of" for i in range(4_000)]
    text = " ".join(words)
    marks = [Mark(start := text.index("word650 of"), start + 7, "X")]
    new = text.replace("word3 ", "*** ").replace("word640 of", "")
    ((begin, end, _),) = carried(text, marks, new)
    assert new[begin:end] == "word650"


def entities(data: Dataset, split: str = "train") -> dict[str, list[str]]:
    return {
        row["text"]: [row["text"][one["start"] : one["end"]] for one in row["entities"]]
        for row in data.rows(split, "text", "entities")
    }


def test_entities_pass_operators(tags: Curated) -> None:
    mine = [
        {"text": "damn it, Ada  met ann@example.org", "entities": [[9, 12, "PERSON"], [18, 33, "PERSON"]]},
        {"text": "Paris is full of people named Paris Hilton", "entities": [[30, 42, "PERSON"]]},
        {"text": "key ghp_0123456789abcdefghijABCDEFGHIJ012345 of Ada", "entities": [[48, 51, "PERSON"]]},
        {"text": "Ada", "entities": [[0, 3, "PERSON"]]},
        {"text": "Line\nof Ada", "entities": [[8, 11, "PERSON"]]},
    ]
    data = tags(
        {"all": {"a.jsonl": jsonl(SENTENCES)}, "mine": {"a.jsonl": jsonl(mine)}},
        normalise=False,
        operators=[
            {"words": {"words": ["damn", "hilton"], "action": "mask"}},
            {"secrets": {}},
            {"redact": {"kinds": ["email"]}},
            "normalise",
            {"expression": {"keep": "text <> 'Ada' and label is null or label = ''"}},
        ],
    )
    found = {text: marks for split in data.splits for text, marks in entities(data, split).items()}
    assert found["*** it, Ada met <EMAIL>"] == ["Ada", "<EMAIL>"]
    assert found["Paris is full of people named Paris ***"] == ["Paris ***"]
    assert [marks for text, marks in found.items() if text.startswith("key <")] == [["Ada"]]
    assert found["Line of Ada"] == ["Ada"]
    card = json.loads((data.path / "card.json").read_text())
    assert card["dropped"]["expression: not true: text <> 'Ada' and label is null or label = ''"] == 1
    assert [one["name"] for one in card["operators"]] == ["words", "secrets", "redact", "normalise", "expression"]  # fmt: skip


def test_a_row_whose_entity_an_operator_removes_is_dropped_and_counted(tags: Curated) -> None:
    page = "Ada went to live in Oslo.\nThe committee said that it would meet again on Monday."
    gone = {"text": f"{page}\nHome | Ada", "entities": [[len(page) + 8, len(page) + 11, "PERSON"]]}
    kept = {"text": f"{page}\nHome | Bo", "entities": [[0, 3, "PERSON"]]}
    data = tags(
        {"all": {"a.jsonl": jsonl(SENTENCES)}, "validation": {"a.jsonl": jsonl([gone, kept])}},
        normalise=False,
        operators=[{"quality": {"rules": "c4", "skip": ["sentences"], "splits": ["validation"]}}],
    )
    assert entities(data, "validation") == {page: ["Ada"]}
    card = json.loads((data.path / "card.json").read_text())
    assert card["dropped"]["quality: a marked part is gone"] == 1
    assert card["operators"][0]["first"]["a marked part is gone"] == "validation/a.jsonl row 1"


def test_answers_move_with_their_context(qa: Curated) -> None:
    mine = [
        {"question": "Who is  damn rude?", "context": "Ask ann@b.org, the damn rude Ada", "answers": ["Ada"]},
        {"question": "Where to write?", "context": "Ask ann@b.org, the damn rude Ada", "answers": ["ann@b.org"]},
        {"question": "What is rude?", "context": "Ada is damn rude", "answers": ["is damn"]},
    ]  # fmt: skip
    data = qa(
        {"all": {"a.jsonl": jsonl(QUESTIONS)}, "mine": {"a.jsonl": jsonl(mine)}},
        near_duplicates=0.8,
        operators=[
            {"words": {"words": ["damn"], "action": "mask", "roles": ["text"]}},
            {"redact": {"kinds": ["email"]}},
        ],
    )
    found = {
        row["question"]: (row["context"], [one["text"] for one in row["answers"]])
        for split in data.splits
        for row in data.rows(split, "question", "context", "answers")
        if row["question"] not in {one["question"] for one in QUESTIONS}
    }
    context = "Ask <EMAIL>, the *** rude Ada"
    assert found == {
        "Who is damn rude?": (context, ["Ada"]),
        "Where to write?": (context, ["<EMAIL>"]),
        "What is rude?": ("Ada is *** rude", ["is ***"]),
    }


def test_training_rows_that_quote_an_evaluation_set_are_left_out(tags: Curated, qa: Curated) -> None:
    text = "the exam asks who the queen of Norway was in the year 1990"
    exam = {"text": text, "entities": []}
    quoted = {"text": f"Ada says that {text}, says Bo", "entities": [[0, 3, "PERSON"]]}
    found = tags(
        {"train": {"a.jsonl": jsonl([*SENTENCES, quoted])}, "exam": {"a.jsonl": jsonl([exam])}},
        decontaminate={"ngram": 8, "against": ["exam"]},
    )
    assert found.summary["dropped"]["overlaps with exam"] == 1
    assert not any(text in one for split in found.splits for one in entities(found, split))
    other = {"question": "what is it?", "context": text, "answers": ["the queen"]}
    longer = {"question": "who?", "context": f"as I said, {text}", "answers": ["the queen"]}
    answers = qa(
        {"train": {"a.jsonl": jsonl([*QUESTIONS, longer])}, "exam": {"a.jsonl": jsonl([other])}},
        decontaminate={"ngram": 8, "against": ["exam"]},
    )
    assert answers.summary["dropped"]["overlaps with exam"] == 1


def test_training_rows_are_balanced_by_source(tags: Curated) -> None:
    rows = [{**row, "site": "ab"[number % 5 == 0]} for number, row in enumerate(tagged.sentences(200))]
    data = tags({"all": {"a.jsonl": jsonl(rows)}}, source="site", balance={"by": "source", "ratio": 1})
    sources = data.columns("train", "source")[0]
    assert sources.count("a") == sources.count("b") > 20
    with pytest.raises(OptionError, match="set by: source"):
        configure(CurateTags, "tags", {"balance": {"most": 3}})


def test_expectations_are_about_rows_and_marks(tags: Curated, qa: Curated) -> None:
    expect = {"rows": 40, "labels": ">= 3", "label_share": {"PERSON": "> 0.9", "PERSNO": 0}, "null": 0}
    with pytest.raises(BadRequest) as refused:
        tags({"all": {"a.jsonl": jsonl(SENTENCES)}}, expect=expect)
    head, labels, share = str(refused.value).splitlines()
    assert head == "with.expect: 2 of 5 not met:"
    assert labels == "  labels: 2, expected >= 3;"
    assert share.endswith("marks), expected > 0.9")
    with pytest.raises(BadRequest, match="rows: 40, expected > 40"):
        qa({"all": {"a.jsonl": jsonl(QUESTIONS)}}, expect={"rows": "> 40"})
    with pytest.raises(OptionError, match="answers have no labels"):
        configure(CurateQA, "qa", {"expect": {"labels": 2}})


def test_rows_with_marks_are_explained(tmp_path: Path) -> None:
    inputs = {
        "train": [
            *SENTENCES,
            {"text": "damn it, Ada met ann@example.org", "entities": [[9, 12, "PERSON"]]},
            {"text": "damn", "entities": []},
            {"text": "out of it", "entities": [[0, 90, "PERSON"]]},
        ]
    }
    said = explain(CurateTags, inputs, "train:41", tmp_path)
    assert "words: masked (words masked 1): *** it, Ada met ann@example.org" in said
    assert "split: " in said
    assert said.splitlines()[2] == ": text: damn it, Ada met ann@example.org"
    assert "limits: dropped: too short" in explain(CurateTags, inputs, "train:42", tmp_path)
    assert "dropped: a mark outside the text (train/a.jsonl:43: " in explain(CurateTags, inputs, "it", tmp_path, at="train:43")  # fmt: skip
    first = {**QUESTIONS[0], "question": "who sold it?"}
    given = {"train": [*QUESTIONS, first], "test": [{**first, "question": "who sold it to them?"}]}
    said = explain(CurateQA, given, "train:41", tmp_path, words="lamp")
    assert "contexts: dropped: about the context of a row of test that is kept: test/a.jsonl row 1" in said


def explain(
    plugin: type[CurateTags] | type[CurateQA],
    inputs: dict[str, list[Any]],
    row: str,
    tmp_path: Path,
    *,
    at: str = "",
    words: str = "damn",
) -> str:
    """What is said of a row."""
    folder = tmp_path / f"raw{len(list(tmp_path.iterdir()))}"
    for name, rows in inputs.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "a.jsonl").write_text(jsonl(rows))
    task = Bench(tmp_path / "bench").task(folder.name)
    made = configure(
        plugin, "x", {"min_chars": 5, "operators": [{"words": {"words": [words], "action": "mask"}}]}
    )
    found = explained(made, at or row, sealed(Files(path=folder)), {}, task)
    return "\n".join(f"{name}: {line}" for name, line in found)
