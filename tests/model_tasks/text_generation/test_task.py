"""The model task itself: which rows can be judged, what an answer adds, what needs no model."""

import contextlib
import json
import random
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Trivial
from slmworks.evaluate.predictions import counted
from slmworks.model_tasks.text_generation import json_answers, measures, trivial
from slmworks.model_tasks.text_generation.messages import problem

TASK = catalog.model_task("text-generation")


def said(*turns: str) -> list[dict[str, str]]:
    """`user: hello` to messages."""
    return [dict(zip(("role", "content"), turn.split(": ", 1), strict=True)) for turn in turns]


def dataset(folder: Path, rows: list[tuple[str, str]], split: str = "train") -> Dataset:
    folder.mkdir(exist_ok=True)
    columns = [
        {"id": str(n), "source": "s", "messages": said(f"user: {ask}"), "completion": answer}
        for n, (ask, answer) in enumerate(rows)
    ]
    pq.write_table(pa.Table.from_pylist(columns), folder / f"{split}.parquet")
    return Dataset(path=folder, meta={"task": "text-generation"})


@pytest.mark.parametrize(
    ("truth", "answer", "score"),
    [
        ("yes", " yes\n", 1),
        ("yes", "Yes", 0),
        ('{"a": 1, "b": [2]}', '{"b":[2.0],"a":1}', 1),
        ('{"a": 1}', '{"a": true}', 0),
        ('{"a": 1}', '{"a": 2, "a": 1}', 0),  # a name twice
        ("[1, 2]", "[2, 1]", 0),
        ("1.50", "1.5", 0),  # scalars are text
        ("[NaN]", "[ NaN ]", 0),
        ('{"a": 1}', "[" * 100_000, 0),
    ],
)
def test_exact_match(truth: str, answer: str, score: float) -> None:
    assert measures.exact({"completion": truth}, {"text": answer}) == (score, 1)


SHOP = said(
    "system: Use the document.", "user: Document: The shop opens at nine. Question: when does it open?"
)


@pytest.mark.parametrize(
    ("truth", "answer", "counts"),
    [
        ("The shop opens at nine", "It opens at ten", (0.75, 1)),
        ("The shop opens at nine", "nine nine nine nine", (0.25, 1)),  # it is said once
        ("The shop opens at nine", "", (0, 1)),
        ("Around half past eight", "nine", (0, 0)),  # not from the conversation
        (
            '{"opens": "nine", "at": ["the shop", null]}',
            '{"hour": "ten", "at": ["shop"], "sure": true}',
            (0.5, 1),
        ),
        ('{"closes": 18}', '{"closes": 18}', (0, 0)),
    ],
)
def test_groundedness_is_the_share_of_words_from_the_conversation(
    truth: str, answer: str, counts: tuple[float, float]
) -> None:
    row = {"messages": SHOP, "completion": truth}
    assert measures.grounded(row, {"text": answer}) == counts


def test_schemas_of_tools_are_no_ground() -> None:
    tools = said('tools: [{"name": "weather", "city": "Oslo"}]', "user: Where?")
    assert measures.grounded({"messages": tools, "completion": "Oslo"}, {"text": "Oslo"}) == (0, 0)
    told = said("user: Where?", "assistant: call", "tool: Oslo")
    assert measures.grounded({"messages": told, "completion": "Oslo"}, {"text": "In Oslo"}) == (0.5, 1)


def test_details_have_groundedness_over_the_rows_that_have_ground() -> None:
    rows = [{"messages": SHOP, "completion": text} for text in ("at nine", "eight", "opens at nine")]
    answers = [{"text": text} for text in ("at ten", "at nine", "opens at nine")]
    found = TASK.details(rows, answers, Model(path=Path(), format="hf"), resamples=50, seed=0).measures
    assert found["groundedness"].value == 0.75
    assert (
        "groundedness"
        not in TASK.details(
            rows[1:2], answers[1:2], Model(path=Path(), format="hf"), resamples=50, seed=0
        ).measures
    )


def likely(nll: float, tokens: int) -> dict[str, object]:
    return {"text": "", "likelihood": {"nll": nll, "tokens": tokens}}


def test_bits_a_byte_and_perplexity_by_hand() -> None:
    rows = [{"completion": "née"}, {"completion": "12345678"}]  # 4 and 8 bytes
    answers = [likely(2 * log(2), 2), likely(4 * log(2), 4)]
    bits, perplexity = (TASK.measure(name) for name in ("bits_per_byte", "perplexity"))
    assert bits
    assert perplexity
    assert bits.over(rows, answers) == pytest.approx(6 / 12)
    assert perplexity.over(rows, answers) == pytest.approx(2)
    assert not bits.given([{"text": ""}])
    assert not bits.higher_is_better
    assert not bits.is_share
    assert float(bits.value(np.array(bits.worst))) == 8


def test_perplexities_of_other_tokens_are_not_compared_and_bits_a_byte_are() -> None:
    rows = [{"completion": "four"}, {"completion": "eightest"}]
    ours, theirs = [likely(1, 2), likely(2, 3)], [likely(1, 2), likely(2, 4)]
    for name, comparable in (("bits_per_byte", True), ("perplexity", False)):
        measure = TASK.measure(name)
        assert measure
        counts = [counted(measure, rows, said) for said in (ours, theirs)]
        assert measure.comparable(*counts) is comparable
        assert measure.comparable(counts[0], counts[0])


def test_words_in_common_by_hand() -> None:
    row, answer = {"completion": "The shop opens at nine"}, {"text": "at nine the shop"}
    assert measures.token_f1(row, answer)[0] == pytest.approx(2 * 4 / (5 + 4))
    assert measures.rouge_l(row, answer)[0] == pytest.approx(2 * 2 / (5 + 4))
    assert measures.rouge_l(row, {"text": ""}) == measures.token_f1(row, {"text": ""}) == (0, 1)
    assert measures.token_f1({"completion": "!!"}, {"text": "!!"}) == (1, 1)


def test_rouge_is_that_of_rouge_score_on_real_texts() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer")
    pages = (Path(__file__).parents[3] / "docs").glob("*.md")
    texts = [part for page in sorted(pages) for part in page.read_text().split("\n\n")]
    plain = [text for text in texts if text.isascii() and "_" not in text][:120]
    theirs = scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    assert len(plain) == 120
    for truth, said in pairwise(plain):
        found = theirs.score(truth, said)
        row, answer = {"completion": truth}, {"text": said}
        for name, measure in (("1", measures.rouge_1), ("2", measures.rouge_2), ("L", measures.rouge_l)):
            assert measure(row, answer) == (pytest.approx(found[f"rouge{name}"].fmeasure), 1)


def test_rouge_counts_the_words_of_any_script() -> None:
    row, answer = {"completion": "die Tür geht auf"}, {"text": "Die Tür geht zu"}
    assert measures.rouge_1(row, answer)[0] == measures.rouge_l(row, answer)[0] == 0.75
    assert measures.rouge_2(row, answer)[0] == pytest.approx(2 / 3)
    assert measures.rouge_2({"completion": "auf"}, {"text": "auf"}) == (0, 1)


def test_the_longest_common_subsequence_is_that_of_the_plain_table() -> None:
    draw = random.Random(7)
    for _ in range(200):
        one, other = ([draw.choice("abcd") for _ in range(draw.randrange(12))] for _ in range(2))
        table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, a in enumerate(one):
            for j, b in enumerate(other):
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
        assert measures.longest_common(one, other) == table[-1][-1]


SCHEMA = json.dumps({"type": "object", "required": ["card"], "properties": {"card": {"type": "string"}}})


@pytest.mark.parametrize(
    ("row", "answer", "counts"),
    [
        ({"completion": "hello"}, "{}", (0, 0)),
        ({"completion": '{"a": 1}'}, "[]", (1, 1)),
        ({"completion": '{"a": 1}'}, "{a: 1}", (0, 1)),
        ({"completion": '{"card": "1"}', "schema": SCHEMA}, '{"card": "2"}', (1, 1)),
        ({"completion": '{"card": "1"}', "schema": SCHEMA}, '{"card": 2}', (0, 1)),
        ({"completion": "7", "schema": '{"type": "integer"}'}, "8", (1, 1)),
        ({"completion": "7", "schema": ""}, "8", (0, 0)),
    ],
)
def test_valid_json(row: dict, answer: str, counts: tuple) -> None:
    assert measures.valid_json(row, {"text": answer}) == counts


def test_a_schema_that_points_elsewhere_is_refused_and_nothing_fetched() -> None:
    with pytest.raises(BadRequest, match=r"refers to 'https://example\.org/s', which is not in it"):
        json_answers.follows({}, '{"$ref": "https://example.org/s"}')


NEST = '{"properties": {"a": {"$ref": "#"}}}'
"""A tree, which refers to itself below `properties`."""
ENDLESS = "refers to itself without end, and not below `properties` or `items`"
DRAFT_3, DRAFT_4, DRAFT_7 = (f"http://json-schema.org/draft-0{number}/schema#" for number in (3, 4, 7))


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ('{"$ref": "#"}', ENDLESS),
        ('{"allOf": [{"$ref": "#"}]}', ENDLESS),
        ('{"$anchor": "a", "$ref": "#a"}', ENDLESS),
        ('{"dependentSchemas": {"a": {"$ref": "#"}}}', ENDLESS),
        ('{"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}', ENDLESS),
        (
            json.dumps({"$schema": DRAFT_7, "$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#"}}}),
            ENDLESS,
        ),
        ('{"$ref": "#/$defs/a"}', "refers to '#/$defs/a', which is not in it"),
        ('{"properties": {"a": {"$ref": "b.json"}}}', "refers to 'b.json', which is not in it"),
        ('{"$ref": "#/allOf/x", "allOf": [{}]}', "refers to '#/allOf/x', which is not in it"),
        ('{"$ref": "http://["}', "refers to 'http://[', which is not in it"),
        ('{"$dynamicRef": "#a"}', "refers to '#a', which is not in it"),
        (
            '{"$ref": "#/a", "a": 5}',
            "refers to what is no JSON Schema (5 is not of type 'object', 'boolean')",
        ),
        ('{"type": 5}', "is no JSON Schema (5 is not valid under any of the given schemas)"),
        ('{"pattern": "("}', "is no JSON Schema ('(' is not a 'regex')"),
        ('{"$schema": 5}', "is no JSON Schema (its `$schema` is no address)"),
        ('{"$schema": []}', "is no JSON Schema (its `$schema` is no address)"),
        ('{"items": {"$schema": "http://["}}', "has an `$id` or a `$schema` that is no address"),
        ('{"not": ' * 300 + "{}" + "}" * 300, "is nested too deeply"),
        ("[{}]", "is no JSON object"),
        ("5", "is no JSON object"),
        ('{"type": ', "is no JSON object"),
        (json.dumps({"$schema": DRAFT_3, "definitions": 1.5}), "has a part that is no JSON Schema"),
        (json.dumps({"$schema": DRAFT_4, "$ref": {}}), "refers to '{}', which is not in it"),
        (json.dumps({"$schema": DRAFT_7, "dependentSchemas": []}), ""),  # a word that the draft doesn't know
        (
            json.dumps(
                {
                    "$schema": DRAFT_7,
                    "$ref": "#/definitions/a",
                    "allOf": [{"$ref": "#"}],
                    "definitions": {"a": {}},
                }
            ),
            "",
        ),
        ('{"$ref": "https://json-schema.org/draft/2019-09/schema"}', ""),
        (NEST, ""),
        (json.dumps({"$schema": DRAFT_7, "$ref": DRAFT_7}), ""),
        ('{"$id": "https://e.org/s", "items": {"$ref": "s#/$defs/a"}, "$defs": {"a": true}}', ""),
        ("true", ""),
    ],
)
def test_what_is_wrong_with_a_schema_is_said_in_words_and_no_answer_meets_it(
    schema: str, problem: str
) -> None:
    assert json_answers.schema_problem(schema) == problem
    for value in ({}, [], "a", 5, None, {"a": {"a": 1}}):
        if not problem:
            assert isinstance(json_answers.follows(value, schema), bool)
            continue
        with pytest.raises(BadRequest) as refused:
            json_answers.follows(value, schema)
        assert str(refused.value) == f"a row's schema {problem}; mend it, and write it out in one piece."


def test_a_type_that_a_draft_lets_pass_and_does_not_know_is_said() -> None:
    with pytest.raises(
        BadRequest, match=r"^a row's schema has a type that its draft doesn't know \('a'\); mend it"
    ):
        json_answers.follows({}, json.dumps({"$schema": DRAFT_3, "disallow": ["a"]}))


WORDS = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
    "properties",
    "items",
    "contains",
    "additionalItems",
    "propertyNames",
    "$defs",
    "definitions",
    "extends",
    "disallow",
    "type",
    "enum",
    "const",
    "$id",
    "id",
    "$anchor",
    "$dynamicAnchor",
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "minimum",
    "required",
    "a",
]
PLACES = [
    "#",
    "#/$defs/a",
    "#/definitions/a",
    "#a",
    "http://e/x",
    "x",
    "",
    "#/allOf/0",
    "http://[",
    "#/%zz",
    DRAFT_3,
    DRAFT_7,
]
ANYTHING = st.recursive(
    st.sampled_from([True, False, None, 5, 1.5, "a", "string", *PLACES]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=8,
)
DRAFTS = st.sampled_from(
    [DRAFT_3, DRAFT_4, DRAFT_7, "https://json-schema.org/draft/2019-09/schema", "foo", "", 5, None]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(WORDS), ANYTHING, max_size=4), DRAFTS)
def test_whatever_a_schema_is_its_problem_is_said_or_answers_are_checked(
    schema: dict[str, Any], draft: object
) -> None:
    text = json.dumps({**schema, **({} if draft is None else {"$schema": draft})})
    if json_answers.schema_problem(text):
        return
    for value in ({}, {"a": {"a": 1}}, [1, {"a": []}], "a", 5, None):
        with contextlib.suppress(BadRequest):
            assert isinstance(json_answers.follows(value, text), bool)


def test_an_answer_that_cannot_be_compared_does_not_follow() -> None:
    deep = json_answers.parsed('{"a": ' * 600 + "{}" + "}" * 600)
    assert json_answers.follows({"a": {"a": {}}}, NEST)
    assert not json_answers.follows(deep, NEST)
    assert not json_answers.follows(10**400, '{"multipleOf": 0.5}')


def test_valid_json_is_in_view_where_rows_want_json_only() -> None:
    model = Model(path=Path())

    def measured(*truths: str) -> dict:
        rows = [{"messages": said("user: ?"), "completion": truth} for truth in truths]
        answers = [
            {"text": "{}", "finish": "stop", "tokens": 3},
            {"text": "x", "finish": "length", "tokens": 5},
        ]
        return TASK.details(rows, answers[: len(rows)], model, resamples=100, seed=0)

    assert measured("plain", "text").measures == {}
    assert measured("plain", "text").content == {"cut_off": 1, "tokens": 8}
    assert measured("[1]", '{"a": 1}').measures["valid_json"].value == 0.5
    assert measured("plain", '{"a": 1}').measures["valid_json"].value == 0


SOUND = [
    said("user: a"),
    said("system: s", "user: a", "assistant: b", "user: c"),
    said("tools: []", "system: s", "user: a", "assistant: {}", "tool: 1", "tool: 2"),
    said("prompt: Once"),
]


@pytest.mark.parametrize("messages", SOUND)
def test_sound_conversations(messages: list) -> None:
    assert problem(messages) == ""


@pytest.mark.parametrize(
    ("messages", "line"),
    [
        ([], "there are no messages"),
        (None, "there are no messages"),
        ([{"role": "user", "content": None}], "message 1 has no role or no content"),
        (said("user: a", "user: b"), "message 2 has the role 'user' behind 'user'; assistant goes there"),
        (said("assistant: a"), "message 1 has the role 'assistant' as the first turn; user goes there"),
        (said("user: a", "system: b"), "message 2 has the role 'system' behind 'user'"),
        (said("system: a", "system: b"), "message 2 has the role 'system' as the first turn"),
        (said("system: a"), "the last message is no turn"),
        (said("user: a", "assistant: b"), "the last message is of the role 'assistant'"),
        (said("user: a", "tool: b"), "message 2 has the role 'tool' behind 'user'"),
        (said("prompt: a", "user: b"), "message 1 has the role 'prompt' as the first turn"),
        (said("tools: {", "user: b"), "message 1 (tools) is no JSON list"),
    ],
)
def test_conversations_out_of_order(messages: list, line: str) -> None:
    assert problem(messages).startswith(line)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"completion": " "}, "the data's split 'test', row 'r1': its completion is empty; curate it again."),
        (
            {"completion": None},
            "the data's split 'test', row 'r1': its completion is empty; curate it again.",
        ),
        ({"messages": []}, "row 'r1': there are no messages"),
        ({"schema": '{"type": "strin"}'}, "row 'r1': its schema is no JSON Schema ("),
        ({"schema": "x"}, "row 'r1': its schema is no JSON object"),
    ],
)
def test_rows_that_nobody_can_judge(changed: dict, line: str) -> None:
    row = {"id": "r1", "source": "s", "messages": said("user: a"), "completion": "b", "schema": None}
    TASK.check(Dataset(path=Path()), "test", [row])
    with pytest.raises(BadRequest) as refused:
        TASK.check(Dataset(path=Path()), "test", [row | changed])
    assert line in str(refused.value)


def test_a_single_digit_tells_two_questions_apart(tmp_path: Path) -> None:
    told = [(f"what is {number} times {number}", str(number**2)) for number in range(10)]
    nearest = TASK.trivial(dataset(tmp_path / "data", told), seed=0)[trivial.NEAREST]
    assert isinstance(nearest, Trivial)
    assert [one["text"] for one in nearest.answer([{"messages": said("user: 7 times 7")}])] == ["49"]


def test_answers_without_a_model(tmp_path: Path) -> None:
    told = [("where is the shop", "here"), ("when does it open", "nine"), ("when does it close", "nine")]
    found = TASK.trivial(dataset(tmp_path / "data", told), seed=0)
    rows = [{"messages": said("user: where is your shop")}, {"messages": said("user: it does close when")}]
    nearest, frequent = found[trivial.NEAREST], found[trivial.FREQUENT]
    assert isinstance(nearest, Trivial)
    assert isinstance(frequent, Trivial)
    assert [one["text"] for one in nearest.answer(rows)] == ["here", "nine"]
    assert [one["text"] for one in frequent.answer(rows)] == ["nine", "nine"]
    assert nearest.bytes > frequent.bytes > 0


def test_a_schema_that_nobody_can_check_is_refused_and_not_passed_over(monkeypatch):
    monkeypatch.setattr("slmworks.model_tasks.text_generation.json_answers.find_spec", lambda _name: None)
    assert json_answers.schema_problem('{"type": "object"}') == (
        "needs jsonschema to be checked: pip install jsonschema"
    )
    assert json_answers.schema_flaw('{"type": "object"}') == ""
    assert json_answers.schema_flaw("[]") == json_answers.schema_problem("[]") != ""
