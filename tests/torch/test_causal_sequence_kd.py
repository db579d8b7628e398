"""Sequence-level distillation: a student learns what its teacher says, which is paid for once, and sifted."""

import json
from pathlib import Path
from typing import Any

import pytest
from colours import LEARN, colours, knowing, right, rows, unlabelled
from orders import dataset
from pydantic import ValidationError
from toys import bpe, exported, save, toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.teachers.ask import Written
from slmworks.testing import Bench, sealed
from slmworks_torch.causal import sifting
from slmworks_torch.causal.sequence_kd import SequenceKD


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return knowing(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("student") / "model", hidden_size=32, initializer_range=0.1)


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """No label but those of validation."""
    return colours(tmp_path_factory.mktemp("prompts") / "data", train=[], transfer=unlabelled())


def distil(
    bench: Bench,
    teacher: Model,
    data: Dataset,
    name: str = "kd",
    student: Model | None = None,
    seed: int = 0,
    **options: Any,
) -> Model:
    plugin = SequenceKD(**{**LEARN, "epochs": 1, **options})
    return sealed(plugin.run(teacher=teacher, student=student, data=data, task=bench.task(name, seed=seed)))


def lines(bench: Bench) -> list[str]:
    return [event["line"] for event in bench.events if event["event"] == "line"]


def test_a_student_learns_from_unlabelled_rows_what_its_teacher_knows_and_the_next_pays_nothing(
    bench: Bench, teacher: Model, student: Model, prompts: Dataset
) -> None:
    assert right(student) == 0
    made = distil(bench, teacher, prompts, student=student, epochs=40)
    known = right(teacher)
    assert known >= 15
    assert right(made) >= known - 4
    paid = made.summary["teacher_tokens_paid"]
    assert paid > 0
    assert (made.summary["answers_asked"], made.summary["rows"]) == (18, made.summary["answers_kept"])
    assert lines(bench)[0].endswith(f"{paid:,} tokens paid for now, 0 reused")
    again = distil(bench, teacher, prompts, "again", student=student, epochs=40)
    assert (again.summary["teacher_tokens_paid"], again.summary["teacher_tokens_reused"]) == (0, paid)
    assert again.digest == made.digest
    other = distil(bench, teacher, prompts, "other", layers=(0,))
    assert other.summary["teacher_tokens_paid"] == 0
    assert sum(ledger.spent.tokens for ledger in bench.ledgers.values()) == paid


def test_a_teacher_in_gguf_with_a_tokenizer_of_its_own_teaches_a_given_student(
    bench: Bench, teacher: Model, student: Model, prompts: Dataset, tmp_path: Path
) -> None:
    file = exported(teacher, bench)
    folder = tmp_path / "other"
    other = toy(folder, vocab_size=400, initializer_range=0.1)
    save(bpe("gpt-2"), folder)
    made = distil(bench, file, prompts, student=other)
    alike = distil(bench, teacher, prompts, "hf", student=other)
    assert made.summary["answers_kept"] == alike.summary["answers_kept"] > 10
    assert made.digest == alike.digest
    with pytest.raises(BadRequest) as caught:
        distil(bench, file, prompts, "alone")
    assert str(caught.value).startswith(
        "student: none is given, and one is made only of a teacher of format hf, not gguf"
    )


def test_samples_are_drawn_by_the_tasks_seed_and_learnt_once_each(
    bench: Bench, teacher: Model, student: Model, prompts: Dataset
) -> None:
    options = {"student": student, "samples": 3, "temperature": 0.7, "top_p": 0.95, "answer_tokens": 20}
    one = distil(bench, teacher, prompts, **options)
    same = distil(bench, teacher, prompts, "same", **options)
    other = distil(bench, teacher, prompts, "other", seed=1, **options)
    assert one.digest == same.digest != other.digest
    assert same.summary["teacher_tokens_paid"] == 0 < other.summary["teacher_tokens_paid"]
    assert one.summary["answers_asked"] == 54
    assert one.summary["answers_said_before"] > 0


def test_labels_are_compared_and_added(bench: Bench, teacher: Model, student: Model, tmp_path: Path) -> None:
    wrong = [{**one, "completion": "It is pink."} for one in rows()[:6]]
    data = colours(tmp_path / "data", train=[*wrong, *rows()[6:]])
    replaced = distil(bench, teacher, data, student=student)
    assert replaced.summary["rows"] == replaced.summary["answers_kept"]
    assert replaced.summary["teacher_agreement"] == pytest.approx(12 / 18, abs=0.2)
    agreed = round(replaced.summary["teacher_agreement"] * 18)
    added = distil(bench, teacher, data, "added", student=student, labels="add")
    assert added.summary["rows"] == 18 + added.summary["answers_kept"] - agreed
    exact = distil(bench, teacher, data, "exact", student=student, keep="exact")
    assert exact.summary["answers_kept"] == agreed
    assert exact.summary["answers_not_as_labelled"] >= 6


def test_rows_with_a_label_keep_it_and_cost_no_teacher(
    bench: Bench, teacher: Model, student: Model, tmp_path: Path
) -> None:
    data = colours(tmp_path / "data", train=rows()[:6], transfer=unlabelled()[6:])
    made = distil(bench, teacher, data, student=student, labels="keep")
    assert made.summary["answers_asked"] == 12
    assert made.summary["rows"] == 6 + made.summary["answers_kept"]
    assert "teacher_agreement" not in made.summary
    with pytest.raises(BadRequest, match=r"^labels: with `keep` .* the data have none"):
        distil(bench, teacher, colours(tmp_path / "all"), "all", student=student, labels="keep")


def test_a_spent_budget_stops_in_a_line_and_a_larger_one_goes_on(
    bench: Bench, teacher: Model, student: Model, prompts: Dataset
) -> None:
    with pytest.raises(BadRequest, match=r"^budget: it is spent \(tokens: "):
        distil(bench, teacher, prompts, "poor", student=student, budget={"tokens": 10})
    (ledger,) = bench.ledgers.values()
    before = ledger.spent.tokens
    assert before >= 10
    made = distil(bench, teacher, prompts, "rich", student=student, budget={"tokens": 10_000})
    assert made.summary["teacher_tokens_reused"] == before
    assert made.summary["teacher_tokens_paid"] == ledger.spent.tokens - before > 0


# --- sifting -----------------------------------------------------------------------------------------


def told(text: str, finish: str = "stop", **more: Any) -> tuple[dict[str, Any], Written]:
    asked = {"id": "1", "messages": [{"role": "user", "content": "?"}], "completion": "", **more}
    return asked, Written(text, finish, 3, 5)


SCHEMA = json.dumps({"type": "object", "required": ["a"]})
ANSWERS = [
    told('{"a": 1}'),
    told('{"a": 1}'),
    told('{"b": 1}'),
    told("[1]"),
    told("free"),
    told("cut", "length"),
    told(" \n"),
    told('{"a":1}', completion='{"a": 1.0}'),
    told("x", completion="y"),
    (told("")[0], None),
]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("all", ['{"a": 1}', '{"b": 1}', "[1]", "free", "cut", '{"a":1}', "x"]),
        ("finished", ['{"a": 1}', '{"b": 1}', "[1]", "free", '{"a":1}', "x"]),
        ("json", ['{"a": 1}', '{"b": 1}', '{"a":1}']),
        ("schema", ['{"a": 1}', '{"a":1}']),
        ("exact", ['{"a": 1}', '{"b": 1}', "[1]", "free", '{"a":1}']),
    ],
)
def test_what_is_kept(keep: sifting.Keep, kept: list[str]) -> None:
    found = sifting.sift(ANSWERS, keep, SCHEMA)
    assert [row["completion"] for row in found.rows] == kept
    assert found.asked == len(ANSWERS)
    assert (found.compared, found.agreed) == (2, 1)
    assert found.dropped["unanswered"] == found.dropped["empty"] == found.dropped["said before"] == 1


def test_a_rows_own_schema_comes_first() -> None:
    own = json.dumps({"type": "object", "required": ["b"]})
    answers = [told('{"b": 1}', schema=own), told('{"a": 1}', schema=own), told('{"a": 1}')]
    found = sifting.sift(answers, "schema", SCHEMA)
    assert [row["completion"] for row in found.rows] == ['{"b": 1}', '{"a": 1}']
    assert found.dropped == {"against its schema": 1}


# --- what is refused ---------------------------------------------------------------------------------


def test_nothing_kept_is_refused_with_the_reasons(
    bench: Bench, teacher: Model, student: Model, prompts: Dataset
) -> None:
    with pytest.raises(BadRequest) as caught:
        distil(bench, teacher, prompts, student=student, keep="json")
    assert str(caught.value) == (
        "teacher: none of its 18 answers is kept (18 no JSON object); keep more than json, raise "
        "answer_tokens, or take another teacher."
    )


def test_answers_are_checked_against_no_schema_only_if_there_is_one(
    bench: Bench, teacher: Model, student: Model, prompts: Dataset
) -> None:
    with pytest.raises(BadRequest, match="^keep: no row of the data has a schema"):
        distil(bench, teacher, prompts, student=student, keep="schema")
    assert not bench.ledgers


def test_a_bad_schema_of_a_row_is_refused_before_the_teacher_is_asked() -> None:
    bad = {**rows()[0], "schema": '{"$ref": "#"}'}
    with pytest.raises(BadRequest, match=r"^keep: a row's schema refers to itself without end.*; mend it"):
        sifting.require_schemas([*rows(), bad], "")


def test_a_schema_that_nobody_can_check_needs_a_package_and_no_mending(monkeypatch) -> None:
    monkeypatch.setattr("slmworks.model_tasks.text_generation.json_answers.find_spec", lambda _name: None)
    with pytest.raises(BadRequest, match=r"pip install jsonschema\.$"):
        sifting.require_schemas([{**rows()[0], "schema": '{"type": "object"}'}], "")


def test_a_teacher_of_another_kind_and_bad_data_are_refused(
    bench: Bench, teacher: Model, student: Model, tiny_classifier: Model, prompts: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="^teacher: "):
        distil(bench, tiny_classifier, prompts, student=student)
    empty = dataset(tmp_path / "empty", train=[], validation=rows())
    with pytest.raises(BadRequest, match="the split 'train' is empty"):
        distil(bench, teacher, empty, "empty", student=student)
    assert not any(ledger.entries for ledger in bench.ledgers.values())


def test_options_that_contradict_are_refused() -> None:
    with pytest.raises(ValidationError, match="at temperature 0 all answers are the same"):
        SequenceKD(samples=2)
    with pytest.raises(ValidationError, match="only looked at with keep: schema"):
        SequenceKD(json_schema={"type": "object"})
    with pytest.raises(ValidationError, match=r"is no JSON Schema \(7 is not valid"):
        SequenceKD(keep="schema", json_schema={"type": 7})
