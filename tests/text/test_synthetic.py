"""Synthetic rows without a teacher: what it is shown, what is read of its answers, which of them are new."""

import json
import random
from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation.json_answers import follows
from slmworks.teachers.ask import Written
from slmworks_text.conversations.turns import NOT_TEXT
from slmworks_text.synthetic.novelty import Novelty
from slmworks_text.synthetic.reading import Unreadable, conversation_in, row_schema
from slmworks_text.synthetic.seeds import Seeds

SCHEMA = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})


def wrote(text: str, finish: str = "stop") -> Written:
    return Written(text, finish, 1, 1)


def row(asked: str, answer: str, **more: str) -> dict:
    return {"messages": [{"role": "user", "content": asked}], "completion": answer, **more}


@pytest.mark.parametrize(
    ("text", "messages", "completion"),
    [
        ('{"instruction": "2 + 2?", "output": "4"}', [("user", "2 + 2?")], "4"),
        ('{"instruction": "Book", "output": {"n": 2}}', [("user", "Book")], '{"n": 2}'),
        (
            '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}',
            [("user", "Hi")],
            "Hello",
        ),
        ('{"prompt": "Once", "completion": " upon"}', [("prompt", "Once")], " upon"),
    ],
)
def test_a_row_has_any_shape_that_curate_chat_knows(text, messages, completion) -> None:
    found = conversation_in(wrote(text), "", "")
    assert (list(found.messages), found.completion) == (messages, completion)


def test_a_row_gets_the_system_turn_and_the_schema() -> None:
    found = conversation_in(wrote('{"instruction": "Book", "output": {"n": 2}}'), "Be brief.", SCHEMA)
    assert found.messages == (("system", "Be brief."), ("user", "Book"))
    assert json.loads(found.schema) == json.loads(SCHEMA)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, "no answer of the teacher"),
        (wrote("Sure! Here is one."), "not a JSON object"),
        (wrote('["a"]'), "not a JSON object"),
        (wrote('{"instruction": "2', "length"), "cut off"),
        (wrote('{"instruction": "2 + 2?", "output": ""}'), "empty completion"),
        (wrote('{"question": "2 + 2?"}'), "no conversation in the row"),
        (wrote('{"instruction": "Book", "output": {"n": "two"}}'), "answer that does not follow its schema"),
        (wrote('{"instruction": "Book", "output": "two"}'), "completion that is not JSON"),
        (wrote('{"instruction": "a", "output": {"n": 1}, "tools": [{"name": "\\ud800"}]}'), NOT_TEXT),
    ],
)
def test_what_cannot_be_used_has_a_reason(said: Written | None, reason: str) -> None:
    schema = "" if reason in ("empty completion", "no conversation in the row") else SCHEMA
    with pytest.raises(Unreadable) as caught:
        conversation_in(said, "", schema)
    assert str(caught.value) == reason


def test_the_schema_of_a_row_holds_that_of_its_answer() -> None:
    assert row_schema({})["properties"]["output"] == {"type": "string"}
    assert row_schema(json.loads(SCHEMA))["properties"]["output"] == json.loads(SCHEMA)


@pytest.mark.parametrize(
    "tree",
    [
        {"properties": {"n": {"$ref": "#/$defs/number"}, "next": {"$ref": "#"}}},
        {"$id": "https://e.org/s", "properties": {"n": {"$ref": "#/$defs/number"}, "next": {"$ref": "#"}}},
    ],
)
def test_references_of_an_answers_schema_hold_in_that_of_a_row(tree: dict) -> None:
    whole = json.dumps(row_schema({**tree, "$defs": {"number": {"type": "integer"}}}))
    assert follows({"instruction": "Count", "output": {"n": 1, "next": {"n": 2}}}, whole)
    assert not follows({"instruction": "Count", "output": {"n": 1, "next": {"n": "two"}}}, whole)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"$dynamicRef": "#"}, "with `$dynamicRef` it can't be a part of a row's schema"),
        (
            {"items": {"$id": "https://e.org/x", "$ref": "#/$defs/y", "$defs": {"y": True}}},
            "as a part of a row's schema it refers to '#/properties/output/$defs/y', which is not in it",
        ),
    ],
)
def test_a_schema_that_means_something_else_in_a_rows_is_refused(answers: dict, problem: str) -> None:
    with pytest.raises(BadRequest) as refused:
        row_schema(answers)
    assert str(refused.value) == f"json_schema: {problem}; give row_schema, or `grammar: none`."


def test_values_and_names_in_an_answers_schema_are_no_references() -> None:
    answers = {"properties": {"$ref": {"const": {"$ref": "#"}}, "default": {"$ref": "#"}}}
    kept = row_schema(answers)["properties"]["output"]["properties"]
    assert kept == {"$ref": {"const": {"$ref": "#"}}, "default": {"$ref": "#/properties/output"}}


def novelty(tmp_path: Path, seeds: list[str], threshold: float = 0.7, **held_out: list[str]) -> Novelty:
    return Novelty(threshold, seeds, held_out, tmp_path)


LONG = "the quick brown fox jumps over the lazy dog while a small bird sings of rain and distant hills"


def test_duplicates_of_each_other_of_seeds_and_of_held_out_rows_are_told_apart(tmp_path: Path) -> None:
    known = novelty(
        tmp_path,
        ["please book a table for two at the window on monday evening"],
        test=["is the kitchen open on sunday after ten in the evening or not"],
    )
    told = known.reasons(
        [
            "please book a table for two at the window on monday evening",
            "please book a table for two at the window on monday morning",
            "is the kitchen open on sunday after ten in the evening or what",
            "which wine goes well with the lamb that you serve on friday",
            "Which wine goes well  with the lamb that you serve on friday",
            "which wine goes well with the lamb that you serve on saturday",
        ]
    )
    assert told == ["duplicate", "near a seed", "near a test row", "", "duplicate", "near duplicate"]


def test_what_a_round_kept_is_known_in_the_next(tmp_path: Path) -> None:
    known = novelty(tmp_path, [])
    assert known.reasons([LONG]) == [""]
    assert known.reasons([LONG, LONG + " and more"]) == ["duplicate", "near duplicate"]


def test_held_out_words_in_a_longer_row_are_found_unless_training_rows_have_them_too(tmp_path: Path) -> None:
    wrapped = "tell me in your own words and at some length whether you would agree with this claim: " + LONG
    assert novelty(tmp_path / "a", [], 0.9, test=[LONG]).reasons([wrapped]) == ["words of a test row"]
    common = "a training row that says of " + LONG + " what it likes to say and then goes on for a while"
    assert novelty(tmp_path / "b", [common], 0.9, test=[LONG]).reasons([wrapped]) == [""]


def test_the_seed_is_the_first_of_the_examples_and_none_is_shown_twice() -> None:
    seeds = Seeds((), [row(f"ask {n}", f'{{"n": {n}}}') for n in range(5)], {})
    text = seeds.asked("Rows:\n{examples}\nOne more.", 3, 3, random.Random(1))
    shown = [json.loads(line) for line in text.splitlines()[1:-1]]
    assert shown[0] == {"instruction": "ask 3", "output": {"n": 3}}
    assert len({one["instruction"] for one in shown}) == 3
    assert len(seeds.asked("{examples}", 0, 9, random.Random(1)).splitlines()) == 5


def test_topics_and_examples_go_together() -> None:
    seeds = Seeds(("tea", "rice"), [row("ask", "answer")], {})
    assert seeds.number == 2
    assert seeds.asked("{topic}: {examples}", 1, 1, random.Random(1)) == (
        'rice: {"instruction": "ask", "output": "answer"}'
    )


def test_the_seeds_schema_holds_where_all_have_the_same() -> None:
    assert Seeds((), [row("a", "{}", schema=SCHEMA)] * 2, {}).schema() == json.loads(SCHEMA)
    assert Seeds((), [row("a", "{}", schema=SCHEMA), row("b", "c", schema="")], {}).schema() == {}
    assert Seeds((), [row("a", "b")], {}).schema() == {}
    assert Seeds((), [row("a", "{}", schema="true")], {}).schema() == {}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [('{"type": 5}', "is no JSON Schema"), ('{"$ref": "#"}', "refers to itself"), ("7", "is no JSON object")],
)
def test_a_bad_schema_of_seeds_is_refused(schema: str, problem: str) -> None:
    with pytest.raises(BadRequest, match=f"^seeds: the schema of their rows {problem}.*; mend it"):
        Seeds((), [row("a", "{}", schema=schema)], {}).schema()


def test_nothing_to_write_from_is_an_error() -> None:
    with pytest.raises(BadRequest, match="nothing to write from"):
        Seeds.of((), None)
