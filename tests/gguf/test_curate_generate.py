"""`curate/generate` with a toy teacher that has learnt to write orders: rows read, new, kept apart, accounted for."""

import json
from pathlib import Path
from typing import Any

import pytest
from orders import dataset, row
from toys import exported, toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.teachers.ask import Budget
from slmworks.testing import Bench, sealed
from slmworks_text.curate_generate import CurateGenerate
from slmworks_torch.causal.sft import SupervisedFinetune

TOPICS = ("tea", "rice", "milk", "salt")
INSTRUCTION = "Write a row about {topic}."
SCHEMA = {
    "type": "object",
    "properties": {"item": {"enum": list(TOPICS)}, "n": {"type": "integer"}},
    "required": ["item", "n"],
    "additionalProperties": False,
}
ABOUT = {"topics": TOPICS, "instruction": INSTRUCTION, "json_schema": SCHEMA, "max_new_tokens": 60}


def said(topic: str, number: int) -> dict[str, Any]:
    return {"instruction": f"{number} {topic} please", "output": {"item": topic, "n": number}}


def real(topic: str, number: int) -> dict[str, Any]:
    one = said(topic, number)
    return row([("user", one["instruction"])], json.dumps(one["output"]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def teacher(shop: Path) -> Model:
    folder = toy(shop / "llama", initializer_range=0.1)
    rows = [
        row([("user", INSTRUCTION.format(topic=topic))], json.dumps(said(topic, number)))
        for number in range(10, 26)
        for topic in TOPICS
    ]
    lesson = dataset(shop / "lesson", train=rows, validation=rows[:4])
    plugin = SupervisedFinetune(epochs=12, learning_rate=1e-2, batch_size=8)
    tuned = sealed(plugin.run(model=folder, data=lesson, task=Bench(shop / "tune").task("sft")))
    return exported(tuned, Bench(shop / "tune"))


@pytest.fixture(scope="module")
def seeds(shop: Path) -> Dataset:
    return dataset(
        shop / "seeds",
        train=[real(topic, number) for topic in TOPICS for number in (1, 2)],
        validation=[real("tea", number) for number in range(10, 14)],
        test=[real("rice", number) for number in range(10, 14)],
    )


def generated(bench: Bench, teacher: Model, name: str = "generate", **given: Any) -> Dataset:
    data, seed = given.pop("seeds", None), given.pop("seed", 0)
    plugin = CurateGenerate(**{"rows": 10, **ABOUT, **given})
    return bench.keep(plugin.run(seeds=data, teacher=teacher, task=bench.task(name, seed=seed)))


def card(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


def test_new_rows_stand_beside_the_real_ones_and_held_out_splits_stay(
    bench: Bench, teacher: Model, seeds: Dataset
) -> None:
    data = generated(bench, teacher, seeds=seeds, near_duplicates=0.95)
    assert data.meta == {"task": "text-generation"}
    for split in ("validation", "test"):
        assert data.file(split).read_bytes() == seeds.file(split).read_bytes()
    rows = data.rows("train", "id", "messages", "completion", "source")
    new = [one for one in rows if one["source"] == "synthetic"]
    assert len(rows) - len(new) == 8
    assert rows == sorted(rows, key=lambda one: one["id"])
    assert all(json.loads(one["completion"]).keys() == {"item", "n"} for one in new)
    assert all([turn["role"] for turn in one["messages"]] == ["user"] for one in new)
    held = {
        one["messages"][0]["content"]
        for split in ("validation", "test")
        for one in data.rows(split, "messages")
    }
    assert not held & {one["messages"][0]["content"] for one in new}
    told = card(data)
    about = told["synthetic"]
    assert about["teacher"] == {"digest": teacher.digest, "format": "gguf"}
    assert about["kept"] == len(new) > 0
    assert about["asked"] == len(new) + sum(told["dropped"].values())
    assert about["share_of_train"] == pytest.approx(len(new) / len(rows), abs=1e-6)
    assert about["cost"]["tokens"] == sum(ledger.spent.tokens for ledger in bench.ledgers.values())
    assert told["splits"]["train"]["sources"] == {"synthetic": len(new), "toy": 8}


def test_the_same_seed_gives_the_same_bytes_and_pays_nothing_again(
    bench: Bench, teacher: Model, seeds: Dataset
) -> None:
    one = generated(bench, teacher, "one", seeds=seeds)
    spent = [ledger.spent.tokens for ledger in bench.ledgers.values()]
    assert generated(bench, teacher, "two", seeds=seeds).digest == one.digest
    assert [ledger.spent.tokens for ledger in bench.ledgers.values()] == spent
    assert generated(bench, teacher, "three", seeds=seeds, seed=1).digest != one.digest


def test_topics_alone_give_splits_of_their_own_with_a_warning(bench: Bench, teacher: Model) -> None:
    data = generated(bench, teacher, rows=12, rounds=4, near_duplicates=1)
    counts = {split: len(data.rows(split, "id", "schema")) for split in data.splits}
    kept = sum(counts.values())
    assert counts["test"] == round(0.2 * kept)
    assert counts["validation"] == round(0.1 * kept)
    assert card(data)["warnings"][0].startswith("validation and test are synthetic too")


def test_a_seed_gives_no_more_than_it_may(bench: Bench, teacher: Model, seeds: Dataset) -> None:
    data = generated(bench, teacher, seeds=seeds, rows=20, rows_per_seed=1, near_duplicates=1)
    assert card(data)["synthetic"]["kept"] <= len(TOPICS)
    assert any("the teacher wrote no more" in one for one in card(data)["warnings"])


def test_what_nobody_can_read_is_an_error_with_an_example(bench: Bench, teacher: Model) -> None:
    with pytest.raises(BadRequest) as caught:
        generated(bench, teacher, rows=4, rounds=1, max_new_tokens=4)
    assert str(caught.value).startswith(
        "no row could be read, or none is new: 4 asked for (cut off 4; the first that can't be read: '{"
    )


def test_a_spent_budget_stops(bench: Bench, teacher: Model) -> None:
    with pytest.raises(BadRequest, match=r"^budget: it is spent \(tokens: \d+ of 5\)"):
        generated(bench, teacher, budget=Budget(tokens=5))


def test_mistakes_are_named_before_the_teacher_is_asked(
    bench: Bench, teacher: Model, seeds: Dataset, tiny_classifier: Model, tiny_reviews: Dataset
) -> None:
    plain = {"topics": (), "instruction": "Write a row."}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("nothing to write from: give `seeds` with training rows, or `topics`.", plain),
        ("the instruction shows {examples}, and there are none", {"topics": (), "instruction": "Like {examples}"}),
        ("seeds: they are for classification; give what curate/chat makes.", {"seeds": tiny_reviews}),
        ("teacher: it is a model for text-classification, which writes no answers", {"teacher": tiny_classifier}),
    ]  # fmt: skip
    for number, (line, given) in enumerate(cases):
        with pytest.raises(BadRequest) as caught:
            generated(bench, given.pop("teacher", teacher), f"case-{number}", **given)
        assert str(caught.value).startswith(line)
        assert "\n" not in str(caught.value)
    assert bench.ledgers == {}


def test_topics_need_their_place_in_the_instruction() -> None:
    for given in ({"topics": ["tea"], "instruction": "Write."}, {"instruction": "About {topic}."}):
        with pytest.raises(OptionError) as caught:
            configure(CurateGenerate, "generate", {"rows": 3, **given})
        assert "write {topic} where a topic goes" in str(caught.value)


@pytest.mark.parametrize("option", ["json_schema", "row_schema"])
def test_a_schema_is_refused_as_it_is_read(option: str) -> None:
    about = {"rows": 3, "topics": ["tea"], "instruction": "About {topic}."}
    for schema, problem in (
        ({"type": "table"}, "is no JSON Schema ('table' is not valid under any of the given schemas)"),
        ({"$ref": "#"}, "refers to itself without end, and not below `properties` or `items`"),
        ({"$ref": "#/a"}, "refers to '#/a', which is not in it"),
    ):
        with pytest.raises(OptionError) as caught:
            configure(CurateGenerate, "generate", {**about, option: schema})
        assert str(caught.value) == f"{option}: {problem}; see json-schema.org for what a schema may say."
