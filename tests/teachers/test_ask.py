"""Questions to a teacher: asked once, kept at once, within a budget."""

import pytest
from toys import exported, limited, toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.teachers.ask import Budget, Question, ask
from slmworks.testing import Bench, sealed


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("teacher")
    return sealed(limited(exported(toy(folder / "llama"), Bench(folder)), 8))


def questions(count: int, **settings) -> list[Question]:
    said = [{"messages": [{"role": "user", "content": f"what is {number}?"}]} for number in range(count)]
    return [Question(row, Settings(**settings)) for row in said]


def spent(bench: Bench) -> int:
    return sum(ledger.spent.tokens for ledger in bench.ledgers.values())


def whole(text: str) -> str:
    """The text without a character that was cut in two, which only answers in one piece end with."""
    return text.rstrip("\ufffd")


def lines(bench: Bench) -> list[str]:
    return [event["line"] for event in bench.events if event["event"] == "line"]


def test_answers_are_those_of_the_runtime_and_none_is_asked_for_twice(bench: Bench, teacher: Model) -> None:
    from slmworks.contract.runtime import open_runtime

    asked = questions(4)
    found = ask(teacher, asked, bench.task("one"))
    right = open_runtime(teacher, threads=1, model_task="text-generation").answer([one.row for one in asked])
    assert [(whole(one.text), one.finish, one.tokens) for one in found] == [
        (whole(one["text"]), one["finish"], one["tokens"]) for one in right
    ]
    before = spent(bench)
    assert before == sum(one.tokens for one in found)
    assert ask(teacher, [*questions(6), *asked], bench.task("two"))[6:] == found
    assert spent(bench) == before + sum(one.tokens for one in ask(teacher, questions(6)[4:], bench.task("3")))


def test_other_settings_are_other_questions(bench: Bench, teacher: Model) -> None:
    (one,) = ask(teacher, questions(1, temperature=1.0, seed=1), bench.task("one"))
    (two,) = ask(teacher, questions(1, temperature=1.0, seed=2), bench.task("two"))
    assert one.text != two.text
    assert ask(teacher, questions(1, temperature=1.0, seed=1), bench.task("three")) == [one]
    assert spent(bench) == one.tokens + two.tokens


def test_a_spent_budget_stops_and_a_larger_one_goes_on(bench: Bench, teacher: Model) -> None:
    asked = questions(6)
    with pytest.raises(BadRequest) as caught:
        ask(teacher, asked, bench.task("one"), budget=Budget(tokens=10))
    assert str(caught.value) == (
        "budget: it is spent (tokens: 16 of 10), and 4 of 6 rows have no answer yet; raise it, or take fewer "
        "rows. What was paid for is kept."
    )
    before = spent(bench)
    with pytest.raises(BadRequest, match="and 4 of 4 rows have no answer yet"):
        ask(teacher, asked, bench.task("two"), budget=Budget(tokens=10))
    assert spent(bench) == before
    found = ask(teacher, asked, bench.task("three"), budget=Budget(tokens=100_000))
    assert spent(bench) == sum(one.tokens for one in found)


def test_a_row_that_cannot_be_answered_has_no_answer_and_the_rest_has(bench: Bench, teacher: Model) -> None:
    long = Question({"messages": [{"role": "user", "content": "word " * 2000}]}, Settings())
    found = ask(teacher, [*questions(1), long], bench.task("one"))
    assert found[0] is not None
    assert found[1] is None
    (said,) = lines(bench)
    assert said.startswith("warning: the teacher cannot answer 1 of 2 rows; the first: ")


def test_a_schema_holds_the_answer(bench: Bench, teacher: Model) -> None:
    import json

    schema = json.dumps({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]})
    (found,) = ask(teacher, questions(1, schema=schema, max_tokens=40), bench.task("one"))
    assert isinstance(json.loads(found.text)["a"], bool)


def test_a_model_that_writes_nothing_is_refused(bench: Bench, tiny_classifier: Model) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(tiny_classifier, questions(1), bench.task("one"), role="student")
    assert str(caught.value) == (
        "student: it is a model for text-classification, which writes no answers; give a model for "
        "text-generation."
    )
